import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  isAlive,
  type LimitSpec,
  type SandboxId,
  type SandboxSpec,
  signalProcess,
  until,
} from '@sovereign/core';
import { firstLines, type LaunchedGuest } from '@sovereign/guest';

/** File in a guest's directory that its console is written to. */
export const consoleName = 'console.log';

const killTimeoutMs = 10_000;

export interface ProcessGuestInit {
  readonly spec: SandboxSpec;
  readonly launched: LaunchedGuest;
  /** The one connection: when it ends, the guest ends. */
  readonly stream: ByteStream;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  /** Directory to delete with the guest; gone already with bubblewrap. */
  readonly directory: string;
  /** How long the guest is given to end by itself when its connection has: its known pid may not be its PID 1. */
  readonly patienceMs: number;
  readonly onRemoved: () => void;
}

/** A guest of the process tier: it belongs to this process, and ends with it. */
export class ProcessGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly #init: ProcessGuestInit;
  #isConnected = false;

  constructor(init: ProcessGuestInit) {
    this.id = init.spec.id;
    this.spec = init.spec;
    this.workspacePath = init.workspacePath;
    this.baseEnv = init.baseEnv;
    this.#init = init;
  }

  status(): Promise<GuestState> {
    return Promise.resolve(this.state());
  }

  state(): GuestState {
    return isAlive(this.#init.launched.identity) ? 'running' : 'stopped';
  }

  /**
   * The tier has one connection for the whole life of the guest; a second call is refused.
   *
   * @throws SovereignError `launcher.failed` when the guest ended before it was connected, `sandbox.not-running`
   */
  connect(): Promise<ByteStream> {
    if (this.#isConnected) {
      return Promise.reject(
        new SovereignError({
          reason: 'sandbox.not-running',
          message: `${this.id} is connected already, or has ended since: a guest of the process tier lives as long as its one connection.`,
          hint: 'Create a new sandbox; for one that outlives its client, use the container tier.',
          context: { id: this.id },
        }),
      );
    }
    if (this.state() !== 'running')
      return Promise.reject(endedEarly(this.id, join(this.#init.directory, consoleName)));
    this.#isConnected = true;
    return Promise.resolve(this.#init.stream);
  }

  start(): Promise<void> {
    return this.#missing('start');
  }
  stop(): Promise<void> {
    return this.#missing('stop');
  }
  pause(): Promise<void> {
    return this.#missing('pause');
  }
  resume(): Promise<void> {
    return this.#missing('resume');
  }
  setLimits(_limits: LimitSpec): Promise<void> {
    return this.#missing('setLimits');
  }
  stats(): Promise<GuestStats> {
    return this.#missing('stats');
  }

  async remove(): Promise<void> {
    await this.#init.stream.close();
    await endGuest(this.id, this.#init.launched, this.#init.patienceMs);
    rmSync(this.#init.directory, { recursive: true, force: true });
    this.#init.onRemoved();
  }

  #missing(ability: string): Promise<never> {
    return Promise.reject(
      new SovereignError({
        reason: 'capability.missing',
        message: `The process tier cannot ${ability} a sandbox.`,
        hint: 'Use the container tier (quilt), or remove the sandbox and create another.',
        context: { ability },
      }),
    );
  }
}

/**
 * Kills a guest, whose PID 1 takes everything with it, and waits until the kernel is done.
 *
 * @throws SovereignError `sandbox.remove-failed`
 */
export async function endGuest(id: string, { identity }: LaunchedGuest, patienceMs = 0): Promise<void> {
  if (patienceMs > 0 && (await until(() => !isAlive(identity), patienceMs))) return;
  signalProcess(identity, 'SIGKILL');
  if (await until(() => !isAlive(identity), killTimeoutMs)) return;
  throw new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `The guest of ${id} is still there ${killTimeoutMs / 1000} s after SIGKILL.`,
    hint: 'It waits in the kernel, often for a file system that does not answer. Try again later.',
    context: { id },
  });
}

/** A guest that was launched, and ended before anybody heard it, by what its console file says. */
export function endedEarly(id: SandboxId, consolePath: string, cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'launcher.failed',
    message: `The guest of ${id} ended before it answered: ${readConsole(consolePath)}`,
    hint: 'Run `sovereign doctor` to see what this host lacks.',
    context: { id },
    cause,
  });
}

/** What a guest's console file says, cut for an error message. */
function readConsole(path: string): string {
  try {
    const buffer = Buffer.alloc(8192);
    const file = openSync(path, 'r');
    const length = readSync(file, buffer);
    closeSync(file);
    return firstLines(buffer.toString('utf8', 0, length));
  } catch {
    return firstLines('');
  }
}
