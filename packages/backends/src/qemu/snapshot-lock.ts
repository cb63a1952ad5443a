import { existsSync, writeFileSync } from 'node:fs';
import { lockHolderIsAlive, releaseLock, tryLock, type SandboxId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import * as v from 'valibot';
import { QmpClient } from './qmp-client.ts';

const monitorTimeoutMs = 20_000;
/** A monitor that nobody speaks to answers in a millisecond; who asks for the state of many waits no longer than this. */
const statusTimeoutMs = 2_000;

const statusSchema = v.object({ running: v.boolean() });

/**
 * Held for as long as a machine stands still, or is without its workspace, for a snapshot. One that a process of ours left
 * behind says that nobody lets that machine go on.
 */
export class SnapshotLock {
  readonly #path: string;
  readonly #id: SandboxId;

  constructor(path: string, id: SandboxId) {
    this.#path = path;
    this.#id = id;
  }

  /** Does something while nobody else takes a snapshot of the machine. @throws SovereignError `snapshot.failed` */
  async hold<T>(act: () => Promise<T>): Promise<T> {
    if (!tryLock(this.#path)) throw beingTaken(this.#id);
    try {
      return await act();
    } finally {
      releaseLock(this.#path);
    }
  }

  /** Lets a machine go on that a process of ours stopped before it ended. At any other time it does nothing. */
  async goOn(options: {
    readonly monitorSocketPath: string;
    /** Gives the machine back what was taken from it, once it runs. */
    readonly restore: () => Promise<void>;
  }): Promise<void> {
    if (!existsSync(this.#path) || !tryLock(this.#path)) return;
    try {
      const qmp = await QmpClient.connect(options.monitorSocketPath, { timeoutMs: monitorTimeoutMs });
      try {
        await qmp.execute('migrate_cancel');
        await qmp.execute('cont');
      } finally {
        await qmp.close();
      }
      await options.restore();
    } catch (error) {
      // Nobody's again: the next conversation tries once more.
      writeFileSync(this.#path, '{}', { mode: 0o600 });
      throw error;
    }
    releaseLock(this.#path);
  }

  /**
   * Whether a process of ours that has ended left the machine standing still. At any other time this costs one look for a
   * file; a monitor that does not answer is not known to have stopped its machine.
   */
  async hasLeftStandingStill(monitorSocketPath: string): Promise<boolean> {
    if (!existsSync(this.#path) || lockHolderIsAlive(this.#path)) return false;
    try {
      const qmp = await QmpClient.connect(monitorSocketPath, { timeoutMs: statusTimeoutMs });
      try {
        return !v.parse(statusSchema, await qmp.execute('query-status')).running;
      } finally {
        await qmp.close();
      }
    } catch {
      return false;
    }
  }

  /** Forgets what was under way: the machine does not run any more. */
  forget(): void {
    releaseLock(this.#path);
  }
}

function beingTaken(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `No snapshot of ${id} was taken: another one is being taken of it.`,
    hint: 'Wait for that one, then take yours.',
    context: { id },
  });
}
