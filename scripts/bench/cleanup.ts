import process from 'node:process';

type Step = () => unknown;

/** What is left to undo, in reverse order, at the end. A step that fails does not keep the others from being done. */
export class Cleanup {
  readonly #steps: Step[] = [];

  /** Returns what does the step now and forgets it. */
  defer(step: Step): () => Promise<void> {
    this.#steps.push(step);
    return async () => {
      const index = this.#steps.indexOf(step);
      if (index === -1) return;
      this.#steps.splice(index, 1);
      await step();
    };
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`Cleaning up: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
}
