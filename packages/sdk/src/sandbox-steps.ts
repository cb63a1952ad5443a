import type { ApplyStep, Steps, UndoChange, UndoOptions } from '@sovereign/core';

/** Which application is undone, and how. */
export interface UndoStepOptions extends UndoOptions {
  /** Id of a step. Default: the latest one of the sandbox. */
  readonly step?: string;
}

/**
 * What was applied of one sandbox to its workspace on the host, and its undo. When the sandbox is gone, `Sovereign.steps`
 * does the same.
 */
export class SandboxSteps {
  readonly #sandbox: string;
  readonly #steps: Steps;

  constructor(sandbox: string, steps: Steps) {
    this.#sandbox = sandbox;
    this.#steps = steps;
  }

  /** What can be undone, newest first. */
  list(): Promise<readonly ApplyStep[]> {
    return this.#steps.list({ sandbox: this.#sandbox });
  }

  /**
   * What undoing would do, by path, and which paths were changed on the host since. Changes nothing.
   *
   * @throws SovereignError `step.not-found`
   */
  async *plan(options: Pick<UndoStepOptions, 'step'> = {}): AsyncIterable<UndoChange> {
    yield* this.#steps.plan(await this.#meant(options));
  }

  /**
   * Puts back what the application replaced. The sandbox keeps what it has: it is a change to be reviewed again. What was
   * changed on the host since is refused, with nothing done, unless `isForced`.
   *
   * @returns what was done, by path
   * @throws SovereignError `step.not-found`, `step.changed`
   */
  async undo(options: UndoStepOptions = {}): Promise<readonly UndoChange[]> {
    return this.#steps.undo(await this.#meant(options), options);
  }

  /** Forgets an application of the sandbox, and what it kept: it cannot be undone any more. @throws SovereignError `step.not-found` */
  async remove(step: string): Promise<void> {
    await this.#steps.remove(await this.#meant({ step }));
  }

  async #meant({ step }: Pick<UndoStepOptions, 'step'>): Promise<string> {
    const filter = { sandbox: this.#sandbox };
    return (step === undefined ? await this.#steps.latest(filter) : await this.#steps.find(step, filter)).id;
  }
}
