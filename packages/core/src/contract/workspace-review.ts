import type { ApplyStep, StepId, UndoChange, UndoOptions } from './apply-step.ts';
import type { ChangeRecord } from './container-engine.ts';
import type { SandboxId } from './sandbox-spec.ts';

/** One path that a sandbox changed in its reviewed workspace. */
export interface WorkspaceChange extends ChangeRecord {
  /** Relative to the workspace. */
  readonly path: string;
  /** What is there now; `none` where it was removed. */
  readonly file: 'file' | 'directory' | 'link' | 'other' | 'none';
  /** Differs when the sandbox has changed the path again since. */
  readonly stamp: string;
  /** Why it is not applied unless it is granted: it would run later on the host. Null for all else. */
  readonly shield: string | null;
}

export interface ApplyOptions {
  /**
   * Paths relative to the workspace, each with everything below it; `.` is the whole workspace. Empty means nothing.
   */
  readonly paths: readonly string[];
  /** Stamps of what was reviewed. A path that has another now is refused. Default: what is there now is applied. */
  readonly stamps?: Readonly<Record<string, string>>;
  /** Shielded paths that are applied all the same: `.git/hooks`, `.vscode` … Default: none. */
  readonly granted?: readonly string[];
  /**
   * What is replaced is kept first, so that it can be undone. Default true; false for what is too large to be kept.
   */
  readonly isUndoable?: boolean;
}

/** What an application did. */
export interface ApplyResult {
  /** By path. */
  readonly changes: readonly WorkspaceChange[];
  /** What undoes it; null when nothing was applied, or it was not to be undoable. */
  readonly step: StepId | null;
}

/**
 * The changes of sandboxes whose workspace is reviewed (`WorkspaceSpec.isReviewed`): what they write stays beside the
 * workspace until somebody has looked at it and applies it.
 */
export interface WorkspaceReview {
  /** By path. @throws SovereignError `argument.invalid` for a sandbox whose workspace is not reviewed */
  changes(sandbox: SandboxId): AsyncIterable<WorkspaceChange>;
  /**
   * Puts changes into the workspace on the host. The sandbox is paused meanwhile. No link is followed, and none is made
   * that leads out of the workspace. What is replaced is kept, on the disk, before anything is.
   *
   * @throws SovereignError `review.refused` for what is shielded or leads out, `review.changed` for what is not what was
   *   reviewed; what was applied until then is counted in its context, and undone by the `step` there. `step.not-recorded`
   *   when what would be replaced could not be kept; nothing is applied then
   */
  apply(sandbox: SandboxId, options: ApplyOptions): Promise<ApplyResult>;
  /** Applications that can be undone, newest first; of sandboxes that are gone too. */
  steps(): Promise<readonly ApplyStep[]>;
  /** What undoing a step would do, by path, and which paths were changed since. @throws SovereignError `step.not-found` */
  undoPlan(step: StepId): AsyncIterable<UndoChange>;
  /**
   * Puts back what an application replaced, and forgets the step. Where that was broken off, it goes on. Owners and times
   * are those of a new file. No link is followed.
   *
   * @returns what was done, by path
   * @throws SovereignError `step.not-found`; `step.changed`, before anything is done, when paths were changed since
   */
  undo(step: StepId, options?: UndoOptions): Promise<readonly UndoChange[]>;
  /** Forgets a step: it cannot be undone any more. @throws SovereignError `step.not-found` */
  removeStep(step: StepId): Promise<void>;
}
