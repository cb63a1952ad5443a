import type { ImageSpec, LimitSpec, SandboxId, Strategy } from './sandbox-spec.ts';
import type { ContainerAction } from './container-action.ts';
import type { SnapshotAction } from './snapshot-action.ts';

/**
 * Everything that can be made to happen: the closed union that policy judges, the ledger records and the runtime runs.
 *
 * An action is plain data without secrets: names of environment variables and not their values, sizes of stdin and
 * file content and not the bytes. Every front end (sdk, command line, later daemon and MCP) produces these.
 */
export type Action =
  | {
      readonly kind: 'sandbox.create';
      readonly sandbox: SandboxId;
      readonly name: string | null;
      readonly tier: string;
      readonly image: ImageSpec;
      readonly workspace: string | null;
      readonly network: 'none' | 'host';
      readonly isInsecure: boolean;
      readonly limits: LimitSpec;
      readonly envNames: readonly string[];
      /** False when it is only made, to be started later. */
      readonly isStarted: boolean;
      readonly strategy: Strategy;
    }
  | {
      readonly kind:
        'sandbox.attach' | 'sandbox.start' | 'sandbox.pause' | 'sandbox.resume' | 'sandbox.remove';
      readonly sandbox: SandboxId;
    }
  | { readonly kind: 'sandbox.stop'; readonly sandbox: SandboxId; readonly graceMs: number }
  | { readonly kind: 'sandbox.setLimits'; readonly sandbox: SandboxId; readonly limits: LimitSpec }
  | {
      readonly kind: 'session.open';
      readonly sandbox: SandboxId;
      readonly cwd: string;
      readonly envNames: readonly string[];
    }
  | { readonly kind: 'session.kill'; readonly sandbox: SandboxId; readonly session: number }
  | {
      readonly kind: 'exec.start';
      readonly sandbox: SandboxId;
      readonly argv: readonly string[];
      readonly cwd: string;
      readonly envNames: readonly string[];
      readonly stdinBytes: number | 'stream';
      readonly timeoutMs: number;
      readonly idleTimeoutMs: number;
      readonly hasPty: boolean;
      readonly session: number;
      /** Missing when it is whoever shelld is. */
      readonly user?: string;
    }
  | { readonly kind: 'exec.list'; readonly sandbox: SandboxId }
  | {
      readonly kind: 'exec.attach' | 'exec.kill' | 'exec.forget' | 'exec.resize';
      readonly sandbox: SandboxId;
      readonly process: number;
    }
  | {
      readonly kind: 'exec.signal';
      readonly sandbox: SandboxId;
      readonly process: number;
      readonly signal: string;
      readonly scope: 'child' | 'group' | 'tree';
    }
  | {
      readonly kind: 'file.read' | 'file.stat' | 'file.list' | 'file.watch';
      readonly sandbox: SandboxId;
      readonly path: string;
    }
  | {
      readonly kind: 'file.write';
      readonly sandbox: SandboxId;
      readonly path: string;
      readonly bytes: number | 'stream';
      readonly isExclusive: boolean;
      readonly isAppend: boolean;
    }
  | { readonly kind: 'file.makeDirectory'; readonly sandbox: SandboxId; readonly path: string }
  | { readonly kind: 'file.rename'; readonly sandbox: SandboxId; readonly path: string; readonly to: string }
  | {
      readonly kind: 'file.remove';
      readonly sandbox: SandboxId;
      readonly path: string;
      readonly isRecursive: boolean;
    }
  | ContainerAction
  | SnapshotAction;

export type ActionKind = Action['kind'];

/** Who asks. Shown by the ledger; authenticated callers come with the daemon. */
export interface Actor {
  /** `sdk`, `cli` … */
  readonly via: string;
  /** Name of the user of the operating system. */
  readonly user: string;
}

/** What became of an action: facts for the ledger, small and without content. */
export type Outcome =
  | { readonly ok: true; readonly facts: Readonly<Record<string, string | number | boolean | null>> }
  | { readonly ok: false; readonly reason: string; readonly message: string };
