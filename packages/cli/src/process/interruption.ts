import { type EndingSignal, signalExitCodes } from '../errors/exit-codes.ts';

/**
 * What the signals of this process mean for the work it does. The first SIGINT goes to the command in the sandbox, if there is
 * one; a second, SIGTERM or SIGHUP end the work: `signal` aborts, and whoever works cleans up.
 */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #listeners = new Map<EndingSignal, () => void>();
  #interrupts = 0;
  #ended: EndingSignal | undefined;
  /** Takes the first SIGINT while a command runs. */
  onInterrupt: (() => void) | undefined;

  /** Until `close`, signals no longer end this process. */
  constructor() {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const listener = (): void => this.#take(name);
      this.#listeners.set(name, listener);
      process.on(name, listener);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Exit code of a program that was ended so; undefined when nothing has ended the work. */
  get exitCode(): number | undefined {
    return this.#ended === undefined ? undefined : signalExitCodes[this.#ended];
  }

  /** Ends the work for a reason of our own, a reader that has gone for instance. */
  abort(): void {
    this.#controller.abort();
  }

  close(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #take(name: EndingSignal): void {
    if (name === 'SIGINT' && this.#interrupts++ === 0 && this.onInterrupt !== undefined)
      return this.onInterrupt();
    this.#ended ??= name;
    this.#controller.abort();
  }
}
