import { SovereignError, type SignalName, type TierReport } from '@sovereign/protocol';
import type { ExitStatus, GuestProcess, OutputChunk, TerminalSize } from '../contract/exec.ts';
import type { BegunAction } from './action-path.ts';
import { attend, type Attendance } from './attended-process.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { exitFacts } from './run-command.ts';

export interface SandboxProcessInit {
  readonly live: LiveSandbox;
  readonly process: GuestProcess;
  readonly begun: BegunAction;
  readonly id: { readonly process: number; readonly pid: number };
  readonly attendance: Attendance;
  /** Nobody follows it: its action is over when it has started. */
  readonly isDetached: boolean;
}

/** A process of a sandbox that has started. What is done to it is an action; its end is the outcome of the one that started it. */
export class SandboxProcess implements AsyncIterable<OutputChunk> {
  /** Id within the guest: what `attachProcess` takes. */
  readonly process: number;
  /** Process id inside the guest; 0 when the program could not be started. */
  readonly pid: number;
  readonly runtime: TierReport;
  /** How it ended. Rejects with `operation.cancelled` when it was let go of. Rejections nobody waits for stay silent. */
  readonly exit: Promise<ExitStatus>;
  readonly #live: LiveSandbox;
  readonly #inner: GuestProcess;
  readonly #begun: BegunAction;
  #isSettled = false;

  constructor(init: SandboxProcessInit) {
    this.#live = init.live;
    this.#inner = init.process;
    this.#begun = init.begun;
    this.process = init.id.process;
    this.pid = init.id.pid;
    this.runtime = init.live.report;
    if (init.isDetached) this.#settle({ isDetached: true });
    this.exit = attend(init.process, init.attendance).then(
      (status) => {
        this.#settle(exitFacts(status));
        return status;
      },
      (error: unknown) => {
        // Let go of, by us or because somebody else attached: how it ends is not for this action to tell.
        if (isLeft(error) && init.attendance.signal?.aborted !== true) this.#settle({ isDetached: true });
        if (this.#isSettled) throw error;
        this.#isSettled = true;
        throw this.#begun.fail(error);
      },
    );
    this.exit.catch(() => undefined);
  }

  #settle(facts: Readonly<Record<string, string | number | boolean | null>>): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#begun.succeed({ process: this.process, pid: this.pid, ...facts });
  }

  /** Bytes received of each stream, counted from the start of the process: where to attach again. */
  get cursors(): GuestProcess['cursors'] {
    return this.#inner.cursors;
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputChunk> {
    return this.#inner[Symbol.asyncIterator]();
  }

  /** Sends bytes to stdin; part of the action that opened it. */
  write(data: Uint8Array): Promise<void> {
    return this.#inner.write(data);
  }

  endStdin(): Promise<void> {
    return this.#inner.endStdin();
  }

  /** Default scope: the direct child. */
  signal(signal: SignalName, scope: 'child' | 'group' | 'tree' = 'child'): Promise<void> {
    const { actions, report, id } = this.#live;
    const action = { kind: 'exec.signal', sandbox: id, process: this.process, signal, scope } as const;
    return actions.perform({ action, runtime: report }, () => this.#inner.signal(signal, scope));
  }

  resize(size: TerminalSize): Promise<void> {
    const { actions, report, id } = this.#live;
    const action = { kind: 'exec.resize', sandbox: id, process: this.process } as const;
    return actions.perform({ action, runtime: report }, () => this.#inner.resize(size));
  }

  /** SIGKILL for everything it started. */
  kill(): Promise<void> {
    const { actions, report, id } = this.#live;
    const action = { kind: 'exec.kill', sandbox: id, process: this.process } as const;
    return actions.perform({ action, runtime: report }, () => this.#inner.kill());
  }

  /** Lets go of it: it runs on, and its newest output stays in its ring. */
  async detach(): Promise<void> {
    await this.#inner.detach();
    this.#settle({ isDetached: true });
  }
}

function isLeft(error: unknown): boolean {
  return error instanceof SovereignError && error.reason === 'operation.cancelled';
}
