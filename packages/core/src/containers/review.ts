import type {
  ApplyOptions,
  ApplyResult,
  WorkspaceChange,
  WorkspaceReview,
} from '../contract/workspace-review.ts';
import { SovereignError } from '@sovereign/protocol';
import { checkNonEmpty, checkObject, invalid } from '../runtime/argument-checks.ts';
import type { ContainerHost, FoundGuest } from './container-host.ts';
import { runtimeOf } from './engine-choice.ts';

const maxPaths = 10_000;

/**
 * What sandboxes wrote in a workspace that is reviewed, and its way to the host (R-NEW-8): looked at first, applied when
 * somebody asks for it, path by path.
 */
export class Review {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /**
   * What a sandbox changed in its workspace, by path. The action begins with the iteration and ends with it.
   *
   * @throws SovereignError `argument.invalid` when the workspace is not reviewed
   */
  async *changes(container: string): AsyncGenerator<WorkspaceChange, void, undefined> {
    const found = await this.#host.find(container);
    const review = reviewOf(found);
    const action = { kind: 'sandbox.diff', sandbox: found.guest.id } as const;
    const begun = this.#host.actions.begin(action, runtimeOf(found.backend));
    let changes = 0;
    let isSettled = false;
    try {
      for await (const change of review.changes(found.guest.id)) {
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
   * Puts changes into the workspace on the host, and returns them and the step that undoes them. `paths` are relative to
   * it, each with everything below; `stamps` of what was reviewed refuse what is another by now.
   *
   * @throws SovereignError `review.refused`, `review.changed`, `step.not-recorded`, `argument.invalid`
   */
  async apply(container: string, options: ApplyOptions): Promise<ApplyResult> {
    checkObject('options', options);
    const given: unknown = options.paths;
    if (!Array.isArray(given) || given.length === 0 || given.length > maxPaths)
      throw invalid('paths', given, `a list of 1 to ${maxPaths} paths; "." is the whole workspace`);
    for (const path of options.paths) checkNonEmpty('paths', path);
    const found = await this.#host.find(container);
    const review = reviewOf(found);
    const action = { kind: 'sandbox.apply', sandbox: found.guest.id, paths: options.paths } as const;
    return this.#host.actions.perform(
      {
        action,
        runtime: runtimeOf(found.backend),
        facts: ({ changes, step }) => ({ applied: changes.length, step }),
      },
      () => review.apply(found.guest.id, options),
    );
  }
}

function reviewOf({ guest, backend }: FoundGuest): WorkspaceReview {
  const review = backend.engine?.review;
  if (review === undefined) {
    throw new SovereignError({
      reason: 'capability.missing',
      message: `Backend ${backend.name} reviews no workspaces.`,
      hint: 'Take a backend that declares canReview.',
      context: { backend: backend.name, capability: 'review' },
    });
  }
  if (guest.spec.workspace?.isReviewed !== true) {
    throw new SovereignError({
      reason: 'argument.invalid',
      message: `The workspace of sandbox ${guest.id} is not reviewed: what it writes is on the host already.`,
      hint: 'Create one with a workspace that is: { isReviewed: true }, or --review.',
      context: { sandbox: guest.id },
    });
  }
  return review;
}
