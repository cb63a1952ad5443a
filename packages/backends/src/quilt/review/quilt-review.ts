import {
  createStepId,
  type ApplyOptions,
  type ApplyResult,
  type ApplyStep,
  type SandboxId,
  type SandboxSpec,
  type StepId,
  type UndoChange,
  type UndoOptions,
  type WorkspaceChange,
  type WorkspaceReview,
} from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { withFileLock } from '../file-lock.ts';
import { parseChangeLines } from '../layers/change-lines.ts';
import { scratchOutput, shelldInside } from '../layers/scratch-output.ts';
import { whileStill } from '../layers/while-still.ts';
import { ApplyRun } from './apply-run.ts';
import { changedSince, notReviewed, shielded, stepNotFound, tooManyChanges } from './review-errors.ts';
import { insidePaths, scratchOfReview } from './review-scratch.ts';
import { shieldOf } from './shield-of.ts';
import { deleteStep, makeRoom, type StepLimits } from './step-room.ts';
import { type StepStore } from './step-store.ts';
import { planUndo, undoStep } from './undo-run.ts';

/** Most that is applied at once: what is listed is held in memory. */
const maxChanges = 200_000;

/**
 * Reviews of workspaces that are the lower layer of an overlay.
 *
 * SAFETY: both layers are read and written only inside a scratch guest that holds nothing else, by shelld, which follows
 * no link. What is applied is what the review showed, by the kernel's own times of change. Held by tests/quilt/review.test.ts.
 */
export class QuiltReview implements WorkspaceReview {
  readonly #host: EngineHost;
  readonly #store: StepStore;
  readonly #limits: StepLimits;

  constructor(host: EngineHost, store: StepStore, limits: StepLimits) {
    this.#host = host;
    this.#store = store;
    this.#limits = limits;
  }

  async *changes(sandbox: SandboxId): AsyncIterable<WorkspaceChange> {
    const { spec } = this.#host.guest(sandbox);
    const { granted = [] } = reviewed(spec);
    const output = scratchOutput(scratchOfReview(this.#host, spec, 'readOnly'), {
      command: shelldInside,
      args: ['changes', '--content-only', insidePaths.changed, insidePaths.workspace],
      what: 'read',
    });
    for await (const change of parseChangeLines(output)) {
      const relative = { ...change, path: change.path.slice(1) };
      yield { ...relative, shield: shieldOf(relative, granted) };
    }
  }

  async apply(sandbox: SandboxId, options: ApplyOptions): Promise<ApplyResult> {
    const { spec } = this.#host.guest(sandbox);
    const work = (): Promise<ApplyResult> =>
      withFileLock(this.#store.lockPath(reviewed(spec).hostPath), () => this.#apply(spec, options));
    // Without a freezer what changes meanwhile is refused by its stamp.
    const canPause = this.#host.cgroups.controllers.includes('freezer');
    return canPause ? whileStill(this.#host, sandbox, work) : work();
  }

  steps(): Promise<readonly ApplyStep[]> {
    return Promise.resolve(this.#store.list());
  }

  undoPlan(step: StepId): AsyncIterable<UndoChange> {
    return planUndo(this.#host, this.#store, step);
  }

  undo(step: StepId, options: UndoOptions = {}): Promise<readonly UndoChange[]> {
    return undoStep({ host: this.#host, store: this.#store, step, isForced: options.isForced === true });
  }

  async removeStep(step: StepId): Promise<void> {
    const { workspace } = this.#store.read(step);
    await withFileLock(this.#store.lockPath(workspace), async () => {
      if (!(await deleteStep(this.#host, this.#store, step))) throw stepNotFound(step);
    });
  }

  async #apply(spec: SandboxSpec, options: ApplyOptions): Promise<ApplyResult> {
    const granted = [...(spec.workspace?.granted ?? []), ...(options.granted ?? [])];
    const chosen: WorkspaceChange[] = [];
    for await (const change of this.changes(spec.id)) {
      if (!options.paths.some((path) => isBelow(change.path, path))) continue;
      const shield = shieldOf(change, granted);
      if (shield !== null) throw shielded(change.path, shield);
      const stamp = options.stamps?.[change.path] ?? change.stamp;
      if (options.stamps !== undefined && !Object.hasOwn(options.stamps, change.path))
        throw changedSince({ path: change.path, applied: 0, step: undefined });
      chosen.push({ ...change, stamp });
      if (chosen.length > maxChanges) throw tooManyChanges(maxChanges);
    }
    if (chosen.length === 0) return { changes: [], step: null };
    const run = new ApplyRun({
      host: this.#host,
      store: this.#store,
      limits: this.#limits,
      spec,
      chosen,
      id: createStepId(),
    });
    if (options.isUndoable === false) {
      await run.applyOnly();
      return { changes: chosen, step: null };
    }
    const step = await run.recordAndApply();
    // What cannot be forgotten now is forgotten by the next, or by gc: it is applied all the same.
    await makeRoom(this.#host, this.#store, this.#limits, step).catch(() => undefined);
    return { changes: chosen, step };
  }
}

function reviewed(spec: SandboxSpec): NonNullable<SandboxSpec['workspace']> {
  if (spec.workspace?.isReviewed === true) return spec.workspace;
  throw notReviewed(spec.id);
}

/** Whether a path is another, or below it; `.` is above all. */
function isBelow(path: string, above: string): boolean {
  const plain = above.replace(/^\.\//, '').replace(/\/+$/, '');
  return plain === '.' || (plain !== '' && (path === plain || path.startsWith(`${plain}/`)));
}
