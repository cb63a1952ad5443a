import type { GuestProcess } from '../contract/exec.ts';
import { invalid } from './argument-checks.ts';

/** Feeds a process its stdin from an iterable, at the pace the process takes it. */
export class StdinPump {
  readonly #process: GuestProcess;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #isOver = false;

  constructor(process: GuestProcess, source: AsyncIterable<Uint8Array>) {
    this.#process = process;
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Resolves when all was sent or the process takes no more; rejects when the source fails. `isLeftOpen`: its end is not the end of stdin. */
  async run(isLeftOpen: boolean): Promise<void> {
    for (;;) {
      const next = await this.#iterator.next();
      if (this.#isOver) return;
      if (next.done === true) break;
      if (!(next.value instanceof Uint8Array))
        throw invalid('stdin', next.value, 'chunks of bytes (Uint8Array)');
      if (!(await this.#send(next.value))) return;
    }
    if (!isLeftOpen) await this.#process.endStdin().catch(() => undefined);
  }

  /** A process that ended or closed its stdin takes no more: that shows in its exit, and is no failure of the source. */
  async #send(bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#process.write(bytes);
      return true;
    } catch {
      this.stop();
      return false;
    }
  }

  /** The process has ended: the source is let go of, also when it has nothing to give yet. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    void Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
  }
}
