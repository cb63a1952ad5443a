import type { ChangeRecord } from './container-engine.ts';
import type { SandboxId } from './sandbox-spec.ts';

/** Identity of one application of changes: `stp_` and twelve characters of `[0-9a-z]`. */
export type StepId = string & { readonly __stepId: unique symbol };

/** One application of what a sandbox changed to its workspace, and what it replaced there. */
export interface ApplyStep {
  readonly id: StepId;
  readonly sandbox: SandboxId;
  /** What the sandbox was called; null without a name. The sandbox may be gone. */
  readonly sandboxName: string | null;
  /** Absolute path on the host. */
  readonly workspace: string;
  readonly appliedMs: number;
  /**
   * `applied`: whole. `interrupted`: it, or its undo, was broken off; undoing goes on from there. `underWay`: a process that
   * lives is at it.
   */
  readonly state: 'applied' | 'interrupted' | 'underWay';
  /** Paths that were applied, and those that went with a directory. */
  readonly paths: number;
  /** Of what was replaced, as it is kept. */
  readonly bytes: number;
}

/** What an undo does to one path: `added` is what it puts back, `removed` what the application had made. */
export interface UndoChange extends ChangeRecord {
  /** Relative to the workspace. */
  readonly path: string;
  /** It is not what the application made of it: undoing would lose what was done since. */
  readonly isChanged: boolean;
}

export interface UndoOptions {
  /** What was changed since is given up. Default false: it is refused, with nothing done. */
  readonly isForced?: boolean;
}
