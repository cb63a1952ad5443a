import { constants } from 'node:os';
import process from 'node:process';

/** How long the sample that is being taken may go on: what it made can only be removed when it is whole. */
const patienceMs = 20_000;

/** Being asked to stop, by a signal or by the end of our parent. The run ends after the sample that is being taken. */
export class Interruption {
  readonly #controller = new AbortController();
  #exitCode = 0;

  /** @param giveUp Called when the run does not end in time. */
  constructor(giveUp: () => Promise<void>) {
    const interrupt = (exitCode: number): void => {
      if (this.signal.aborted) return;
      this.#exitCode = exitCode;
      process.stderr.write('\nCleaning up …\n');
      this.#controller.abort(new Error('interrupted'));
      setTimeout(() => void giveUp().finally(() => process.exit(exitCode)), patienceMs).unref();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => interrupt(128 + constants.signals[name]));
    }
    process.on('disconnect', () => interrupt(1));
    // Listening for our parent's end is no reason to stay.
    process.channel?.unref();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the process is to exit with; 0 when nobody has asked to stop. */
  get exitCode(): number {
    return this.#exitCode;
  }
}
