import { SovereignError } from '@sovereign/protocol';

/** Removes an ephemeral sandbox when the last of the commands that are followed in it has ended. */
export class EphemeralEnd {
  readonly #remove: () => Promise<void>;
  #running = 0;

  constructor(remove: () => Promise<void>) {
    this.#remove = remove;
  }

  /** The result of a command; when it comes, the sandbox is gone. */
  async after<T>(result: Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await result;
    } finally {
      await this.#ended();
    }
  }

  /** The end of a process. One that its caller lets go of runs on, and so does its sandbox. */
  follow(exit: Promise<unknown>, signal?: AbortSignal): void {
    this.#running++;
    exit
      .then(
        () => this.#ended(),
        (error: unknown) => {
          const isCancelled = error instanceof SovereignError && error.reason === 'operation.cancelled';
          if (!isCancelled || signal?.aborted === true) return this.#ended();
          this.#running--;
          return undefined;
        },
      )
      .catch(() => undefined);
  }

  async #ended(): Promise<void> {
    if (--this.#running > 0) return;
    // What could not be removed stays listed, the ledger says why, and gc finds it: the result of the command stands.
    await this.#remove().catch(() => undefined);
  }
}
