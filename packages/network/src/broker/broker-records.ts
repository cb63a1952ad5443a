import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SovereignError } from '@sovereign/protocol';
import {
  bootId,
  isAlive,
  maxStateBytes,
  parseSandboxId,
  parseStateFile,
  processIdentity,
  signalProcess,
  stateCount,
  stateText,
  type BrokeredNetwork,
  type BrokerRecord,
  type ProcessIdentity,
  type SandboxId,
} from '@sovereign/core';
import * as v from 'valibot';

/** For a broker that cuts its connections; then it is killed. */
const endTimeoutMs = 5_000;

const sandbox = v.pipe(
  stateText,
  v.transform((text): SandboxId => parseSandboxId(text)),
);
const texts = v.pipe(v.array(stateText), v.maxLength(10_000));

const recordSchema = v.strictObject({
  pid: stateCount,
  startTicks: stateCount,
  bootId: stateText,
  isDetached: v.boolean(),
  egress: v.array(v.strictObject({ sandbox, rules: texts, proxy: stateText })),
  ports: v.array(v.strictObject({ sandbox, port: stateCount, hostAddress: stateText, hostPort: stateCount })),
  exposed: v.array(v.strictObject({ sandbox, port: stateCount })),
  links: v.array(
    v.strictObject({
      from: sandbox,
      to: sandbox,
      port: stateCount,
      address: stateText,
      names: texts,
      state: v.picklist(['open', 'waiting']),
    }),
  ),
});

/**
 * What each process of a state directory brokers, as one file a process: written when it changes, removed with the last
 * of it. A file whose process is gone says nothing and is swept.
 */
export class BrokerRecords {
  readonly #directory: string;
  readonly #isDetached: boolean;
  #ownIdentity: ProcessIdentity | undefined;
  #isWritten = false;

  constructor(directory: string, isDetached: boolean) {
    this.#directory = directory;
    this.#isDetached = isDetached;
  }

  get #identity(): ProcessIdentity {
    return (this.#ownIdentity ??= processIdentity(process.pid) ?? {
      pid: process.pid,
      startTicks: 0,
      bootId: bootId(),
    });
  }

  /** Replaces what this process said. */
  write(network: BrokeredNetwork): void {
    const isEmpty = Object.values(network).every((items: readonly unknown[]) => items.length === 0);
    if (isEmpty) {
      this.remove();
      return;
    }
    if (!this.#isWritten) mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const record = { ...this.#identity, isDetached: this.#isDetached, ...network };
    const partial = `${this.#path}.partial`;
    writeFileSync(partial, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    renameSync(partial, this.#path);
    this.#isWritten = true;
  }

  remove(): void {
    if (this.#isWritten) rmSync(this.#path, { force: true });
    this.#isWritten = false;
  }

  /** Those of other processes that live. */
  others(): readonly BrokerRecord[] {
    return this.#livingOthers().map(({ record }) => record);
  }

  /**
   * Asks a process that exists for what it brokers to end, and waits until it has.
   *
   * @throws SovereignError `broker.not-found`
   */
  async end(pid: number): Promise<void> {
    const found = this.#livingOthers().find(({ record }) => record.pid === pid && record.isDetached);
    // SAFETY: the identity is that of the record and is checked again with the signal: a pid that came back is not hit.
    if (found === undefined || !signalProcess(found.identity, 'SIGTERM')) throw brokerNotFound(pid);
    const deadlineMs = performance.now() + endTimeoutMs;
    while (isAlive(found.identity)) {
      if (performance.now() > deadlineMs) signalProcess(found.identity, 'SIGKILL');
      await delay(10);
    }
  }

  #livingOthers(): readonly { readonly record: BrokerRecord; readonly identity: ProcessIdentity }[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#directory);
    } catch {
      return [];
    }
    return names
      .filter((name) => name.endsWith('.json') && join(this.#directory, name) !== this.#path)
      .map((name) => this.#read(join(this.#directory, name)))
      .filter((record) => record !== undefined);
  }

  get #path(): string {
    return join(this.#directory, `${this.#identity.pid}-${this.#identity.startTicks}.json`);
  }

  #read(path: string): { readonly record: BrokerRecord; readonly identity: ProcessIdentity } | undefined {
    try {
      if (statSync(path).size > maxStateBytes) return undefined;
      const {
        startTicks,
        bootId: boot,
        ...record
      } = parseStateFile(recordSchema, path, readFileSync(path, 'utf8'));
      const identity = { pid: record.pid, startTicks, bootId: boot };
      if (isAlive(identity)) return { record, identity };
      rmSync(path, { force: true });
    } catch {
      // Written by another version, or gone between the listing and now: it says nothing to us.
    }
    return undefined;
  }
}

function brokerNotFound(pid: number): SovereignError {
  return new SovereignError({
    reason: 'broker.not-found',
    message: `Process ${pid} is no broker of this state directory (expected one that was detached).`,
    hint: 'What a program or a command that waits holds ends with it.',
    context: { pid },
  });
}
