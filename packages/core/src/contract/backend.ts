import type { BackendName, Layer, Tier } from '@sovereign/protocol';
import type { BootArtifacts } from './boot-artifacts.ts';
import type { ByteStream } from './byte-stream.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { ImageLibrary } from './images.ts';
import type { Sweeper } from './leftovers.ts';
import type { LateBinding } from './late-binding.ts';
import type { LimitSpec, SandboxId, SandboxSpec } from './sandbox-spec.ts';
import type { Snapshots } from './snapshots.ts';

/** What a host keeps a backend from that the backend can do elsewhere. */
export interface Shortfall {
  /** The end of a sentence that says what cannot be done, such as `they need root`. */
  readonly why: string;
  /** What to do, and what works without. */
  readonly hint: string;
}

/** Abilities that not every backend has. Declared, and tested in both directions by the contract suite. */
export interface Capabilities {
  /** Sandboxes outlive the process that created them: `list` and `attach` find them again. */
  readonly isPersistent: boolean;
  readonly canStop: boolean;
  readonly canPause: boolean;
  /** Limits can be changed on a running guest. */
  readonly canSetLimits: boolean;
  readonly canStats: boolean;
  readonly hasPty: boolean;
  /** A guest can be made without being started (`define`). */
  readonly canDefine: boolean;
  /** Images other than `host`. */
  readonly hasImages: boolean;
  /** Images are fetched by what makes its guests, at their create and not before: nobody here holds any. Default false. */
  readonly fetchesImages?: boolean;
  /** Workspaces can be reviewed before what was written is applied, and that be undone. Default false. */
  readonly canReview?: boolean;
  /** The guest sees its own process table and its own network. */
  readonly isIsolated: boolean;
  /** No directory of the host can be shown to a guest: neither the image `host` nor a workspace nor a volume. Default false. */
  readonly isSealed?: boolean;
  /** For those of these that are false on this host alone. Default: none. */
  readonly shortfalls?: Readonly<Partial<Record<Capability, Shortfall>>>;
}

export type Capability = Exclude<keyof Capabilities, 'shortfalls'>;

/** Whether a backend can run here, found out by trying and not by looking. */
export type Probe =
  | {
      readonly ok: true;
      readonly detail: string;
      /** What to do for what it does without here. Default: nothing. */
      readonly hint?: string;
      /** Why `auto` does not take it although it works, when it does not; it is there for who asks by name. */
      readonly byNameOnly?: string;
    }
  | { readonly ok: false; readonly reason: string; readonly hint: string };

/** State of a guest as its live processes show it, never as a record remembers it. */
export type GuestState = 'created' | 'running' | 'paused' | 'stopped' | 'broken';

/** What a backend remembers of one of its guests. */
export interface GuestRecord {
  readonly id: SandboxId;
  readonly backend: BackendName;
  readonly spec: SandboxSpec;
  readonly state: GuestState;
  /** What is wrong with a broken one, and what to do. */
  readonly problem?: string;
}

/** Use of resources, from the kernel's own accounting. */
export interface GuestStats {
  readonly memoryBytes: number;
  readonly pids: number;
  /** CPU time used so far, in microseconds. */
  readonly cpuUs: number;
  /** The most memory that was in use at one time. What follows is left out where the host does not account for it. */
  readonly memoryPeakBytes?: number;
  /** Ceilings in force; left out where there is none. */
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
  readonly cpuLimit?: number;
  /** Time for which processes that could have run were held back by the ceiling on CPUs, in microseconds. */
  readonly cpuThrottledUs?: number;
  /** Read from and written to disks so far. */
  readonly ioReadBytes?: number;
  readonly ioWriteBytes?: number;
}

/**
 * A live guest: lifecycle here, conversation through the channel.
 *
 * Legal calls: `start` when created or stopped; `stop`, `pause`, `connect`, `setLimits`, `stats` when running; `resume`
 * when paused; `remove` always, and again after it failed. A call in another state is refused with
 * `sandbox.not-running`; one without its capability with `capability.missing`.
 */
export interface Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  /** Where the workspace is inside; `/` when there is none. The default working directory of commands. */
  readonly workspacePath: string;
  /** Environment that the guest's image gives to commands (PATH, HOME …), beneath that of the spec. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** Who commands run as where nothing else is said (USER of the image). Default: whoever shelld is. */
  readonly user?: string;
  /** Who owns the workspace inside, where others may be named to run commands. Default: whoever they run as. */
  readonly workspaceOwner?: 'root';
  /** HOME of `baseEnv` is ours and not the image's: a command that runs as somebody has that user's. Default false. */
  readonly isHomeDefault?: boolean;
  /** What holds it from outside, where shelld cannot see it: as the backend found it at its last start. Default: none. */
  readonly outerLayers?: readonly Layer[];
  status(): Promise<GuestState>;
  start(signal?: AbortSignal): Promise<void>;
  /** Asks everything in the guest to end (SIGTERM), kills what is left after `graceMs`. */
  stop(options: { readonly graceMs: number }): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  setLimits(limits: LimitSpec): Promise<void>;
  stats(): Promise<GuestStats>;
  /** Kills everything and leaves nothing behind: processes, mounts, cgroups, sockets, files. */
  remove(): Promise<void>;
  /** Opens a new byte stream to the guest's shelld. A persistent guest may be connected to many times at once. */
  connect(signal?: AbortSignal): Promise<ByteStream>;
}

/** Brings guests up and down. Knows nothing of commands, files or policy. */
export interface Backend {
  readonly name: BackendName;
  readonly tier: Tier;
  readonly capabilities: Capabilities;
  /** Images, volumes, networks, commit …; undefined on a backend that is no container engine. */
  readonly engine?: ContainerEngine;
  /** Library of the images that its guests can be made of by name; undefined where that is its engine's, or there is none. */
  readonly images?: ImageLibrary | undefined;
  /** Snapshots of running guests; undefined on a backend without. */
  readonly snapshots?: Snapshots;
  /** Building what guests boot from; undefined on a backend that boots nothing. */
  readonly bootArtifacts?: BootArtifacts;
  /** Binding a guest that runs to whoever claims it; undefined on a backend without. */
  readonly lateBinding?: LateBinding;
  /** What is left of its things that nobody needs; undefined where that is its engine's to say, or nothing is left. */
  readonly sweeper?: Sweeper | undefined;
  probe(signal?: AbortSignal): Promise<Probe>;
  /** Brings a guest up. When it fails at any step, what had been made is removed before the error is thrown. */
  create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest>;
  /**
   * Makes a guest in state `created`, to be started later.
   *
   * @throws SovereignError `capability.missing` without `canDefine`
   */
  define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest>;
  list(): Promise<readonly GuestRecord[]>;
  /** @throws SovereignError `sandbox.not-found` */
  attach(id: SandboxId): Promise<Guest>;
  /** Lets go of helper processes. Persistent guests live on; the others end. */
  close(): Promise<void>;
}
