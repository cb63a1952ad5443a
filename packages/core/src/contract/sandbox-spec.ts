import type { ProcessIdentity } from '../identity/process-identity.ts';

/** Identity of a sandbox: `sbx_` and twelve characters of `[0-9a-z]`. Made by core, never by a guest. */
export type SandboxId = string & { readonly __sandboxId: unique symbol };

/** A host directory that a sandbox works in, read-write unless said otherwise. */
export interface WorkspaceSpec {
  /** Absolute, canonical path on the host. Checked by core: not `/`, not a system directory, owned by the caller. */
  readonly hostPath: string;
  /**
   * Where it appears inside. Default: `/workspace` in a container or microVM, the host path on the process tier and in Docker
   * Sandboxes.
   */
  readonly guestPath?: string;
  readonly isReadOnly?: boolean;
  /**
   * Paths within it that run later on the host (`.git/hooks`, `.git/config`, `.vscode` …) and that the guest may
   * change all the same. Default: none; those that exist are read-only inside.
   */
  readonly granted?: readonly string[];
  /**
   * What the sandbox writes stays beside the directory, which it sees changed while the host does not, until somebody has
   * reviewed it and applies it. Default false. Only where the backend `canReview`.
   */
  readonly isReviewed?: boolean;
}

/** What the guest's root file system is made of. */
export type ImageSpec =
  /** The host's own `/usr` read-only under a fresh root; nothing of `/home`, `/root`, `/run`, `/var`. */
  | { readonly kind: 'host' }
  /** A directory on the host that holds a root file system; it is never written to. */
  | { readonly kind: 'rootfs'; readonly path: string }
  /** A tar archive (plain, gzip) of a root file system. */
  | { readonly kind: 'tar'; readonly path: string }
  /** An image that the backend's image library holds: `alpine:3`, `registry.example/team/app@sha256:…`. Never pulled by itself, but where `fetchesImages`. */
  | { readonly kind: 'reference'; readonly reference: string };

/** Ceilings on what a sandbox may use. Missing means the default of the backend, which is shown by `status`. */
export interface LimitSpec {
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** CPUs' worth of time; 0.5 is half of one. */
  readonly cpus?: number;
}

/** A named volume in a sandbox. */
export interface VolumeMount {
  readonly volume: string;
  /** Absolute path inside. */
  readonly guestPath: string;
  /** Default false. */
  readonly isReadOnly?: boolean;
}

/**
 * How long a sandbox is meant to live (R-PRIM-6), given by whoever asks for it and never guessed: `ephemeral` for one
 * command, `task` and `session` until that task or session is completed, `service` until somebody removes it.
 */
export type Strategy = 'ephemeral' | 'task' | 'session' | 'service';

/** Bounds on the life of a sandbox. Missing means none. */
export interface LifetimeSpec {
  /** Without any action on it for so long it has expired. */
  readonly idleMs?: number;
  /** So long after its creation it has expired. */
  readonly maxMs?: number;
  /** What is done with an expired one. Default `stop`: its files are kept. */
  readonly onExpiry?: 'stop' | 'remove';
}

/** A sandbox that a warm pool keeps ready and nobody has yet. It ends with the process that keeps it. */
export interface PoolMark {
  readonly pool: string;
  /** The process that keeps it; missing where the system has no /proc to name one by. */
  readonly keeper?: ProcessIdentity;
}

/** What a sandbox is to be. Plain data: it crosses process borders and enters the ledger (environment values excepted). */
export interface SandboxSpec {
  readonly id: SandboxId;
  /** Name given by the caller, unique among the sandboxes of one state directory. */
  readonly name?: string;
  readonly image: ImageSpec;
  readonly workspace?: WorkspaceSpec;
  /** Who commands run as, as `user` of an exec. Default: that of the image. */
  readonly user?: string;
  /** Environment of every command, beneath the command's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: LimitSpec;
  /** `none` (default): not even a network card but loopback. `host`: the host's network, granted explicitly. */
  readonly network: 'none' | 'host';
  /** R-TIER-1: a layer that cannot be had is reported instead of refused. Only the process backend takes it. */
  readonly isInsecure: boolean;
  /** Default: none. */
  readonly volumes?: readonly VolumeMount[];
  /** Default `service`: it stays until it is removed. */
  readonly strategy?: Strategy;
  /** Name of the task or session it belongs to; with the strategies `task` and `session` only. */
  readonly scope?: string;
  readonly lifetime?: LifetimeSpec;
  /** Missing on every sandbox that is somebody's. */
  readonly pool?: PoolMark;
  readonly labels: Readonly<Record<string, string>>;
  /** Unix time in milliseconds. */
  readonly createdMs: number;
}
