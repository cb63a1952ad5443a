import { SovereignError, type ErrorContext } from '@sovereign/protocol';
import type { ApplyStep, StepId, UndoChange, UndoOptions } from '../contract/apply-step.ts';
import type { WorkspaceReview } from '../contract/workspace-review.ts';
import { parseStepId } from '../identity/step-id.ts';
import type { LedgerRuntime } from '../ledger/ledger.ts';
import { checkNonEmpty, checkObject } from '../runtime/argument-checks.ts';
import type { ContainerHost } from './container-host.ts';

/** Which steps are meant. Default: all. */
export interface StepFilter {
  /** Id of a sandbox, or what one is or was called. */
  readonly sandbox?: string;
  /** Absolute path on the host: steps of workspaces that are this directory, or hold it. */
  readonly within?: string;
}

interface Reviewer {
  readonly review: WorkspaceReview;
  readonly runtime: LedgerRuntime;
}

interface FoundStep extends Reviewer {
  readonly step: ApplyStep;
}

/**
 * Applications of what sandboxes changed to their workspaces, and their undo (R-NEW-8). A step outlives its sandbox, and
 * is named by its own id.
 */
export class Steps {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /** What can be undone, newest first. */
  async list(filter: StepFilter = {}): Promise<readonly ApplyStep[]> {
    checkObject('filter', filter);
    for (const name of ['sandbox', 'within'] as const)
      if (filter[name] !== undefined) checkNonEmpty(name, filter[name]);
    const lists = this.#reviewers().map(({ review, runtime }) =>
      this.#host.actions.perform(
        { action: { kind: 'step.list' }, runtime, facts: (steps) => ({ steps: steps.length }) },
        async () => (await review.steps()).filter((step) => isMeant(step, filter)),
      ),
    );
    return (await Promise.all(lists)).flat().sort((left, right) => right.appliedMs - left.appliedMs);
  }

  /** The newest of those. @throws SovereignError `step.not-found` */
  async latest(filter: StepFilter = {}): Promise<ApplyStep> {
    const [latest] = await this.list(filter);
    if (latest !== undefined) return latest;
    const { sandbox, within } = filter;
    const of = sandbox === undefined ? '' : ` of ${sandbox.slice(0, 64)}`;
    const where = within === undefined ? '' : ` in ${within}`;
    throw noStep(`Nothing that was applied${of}${where} can be undone.`, {
      ...(sandbox !== undefined && { sandbox: sandbox.slice(0, 64) }),
    });
  }

  /** One of those by its id. @throws SovereignError `step.not-found`, `argument.invalid` */
  async find(id: string, filter: StepFilter = {}): Promise<ApplyStep> {
    const step = parseStepId(id);
    const found = (await this.list(filter)).find((one) => one.id === step);
    if (found === undefined) throw noStep(`No application that is meant has the id ${step}.`, { step });
    return found;
  }

  /**
   * What undoing a step would do, by path, and which paths were changed since. Changes nothing.
   *
   * @throws SovereignError `step.not-found`
   */
  async *plan(id: string): AsyncGenerator<UndoChange, void, undefined> {
    const { step, review, runtime } = await this.#find(parseStepId(id));
    const action = { kind: 'step.inspect', sandbox: step.sandbox, step: step.id } as const;
    const begun = this.#host.actions.begin(action, runtime);
    let changes = 0;
    let isSettled = false;
    try {
      for await (const change of review.undoPlan(step.id)) {
        changes++;
        yield change;
      }
    } catch (error) {
      isSettled = true;
      throw begun.fail(error);
    } finally {
      if (!isSettled) begun.succeed({ changes });
    }
  }

  /**
   * Puts back what a step replaced in the workspace, and forgets the step. The sandbox keeps what it has: it is a change to
   * be reviewed again.
   *
   * @returns what was done, by path
   * @throws SovereignError `step.not-found`; `step.changed`, with nothing done, when paths were changed since and not
   *   `isForced`
   */
  async undo(id: string, options: UndoOptions = {}): Promise<readonly UndoChange[]> {
    checkObject('options', options);
    const isForced = options.isForced === true;
    const { step, review, runtime } = await this.#find(parseStepId(id));
    const action = { kind: 'sandbox.undo', sandbox: step.sandbox, step: step.id, isForced } as const;
    return this.#host.actions.perform(
      { action, runtime, facts: (undone) => ({ undone: undone.length }) },
      () => review.undo(step.id, { isForced }),
    );
  }

  /** Forgets a step, and what it kept: it cannot be undone any more. @throws SovereignError `step.not-found` */
  async remove(id: string): Promise<void> {
    const { step, review, runtime } = await this.#find(parseStepId(id));
    const action = { kind: 'step.remove', sandbox: step.sandbox, step: step.id } as const;
    await this.#host.actions.perform({ action, runtime }, () => review.removeStep(step.id));
  }

  #reviewers(): readonly Reviewer[] {
    return this.#host.engines
      .all()
      .flatMap(({ engine, runtime }) =>
        engine.review === undefined ? [] : [{ review: engine.review, runtime }],
      );
  }

  async #find(id: StepId): Promise<FoundStep> {
    for (const reviewer of this.#reviewers()) {
      const step = (await reviewer.review.steps()).find((one) => one.id === id);
      if (step !== undefined) return { ...reviewer, step };
    }
    throw noStep(`No application has the id ${id}.`, { step: id });
  }
}

/** What is not there may have been undone. */
function noStep(message: string, context: ErrorContext): SovereignError {
  return new SovereignError({
    reason: 'step.not-found',
    message,
    hint: 'It may have been undone already. List what can be undone: sovereign step ls',
    context,
  });
}

function isMeant(step: ApplyStep, { sandbox, within }: StepFilter): boolean {
  if (sandbox !== undefined && step.sandbox !== sandbox && step.sandboxName !== sandbox) return false;
  return within === undefined || within === step.workspace || within.startsWith(`${step.workspace}/`);
}
