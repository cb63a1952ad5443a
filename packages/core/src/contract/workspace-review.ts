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
   * that leads out of the workspace.
   *
   * @returns what was applied, by path
   * @throws SovereignError `review.refused` for what is shielded or leads out, `review.changed` for what is not what was
   *   reviewed; what was applied until then is counted in its context
   */
  apply(sandbox: SandboxId, options: ApplyOptions): Promise<readonly WorkspaceChange[]>;
}
