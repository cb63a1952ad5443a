import type { Guest, Shortfall } from './backend.ts';
import type { ImageConfig, ImageLibrary, ImageRecord } from './images.ts';
import type { Sweeper } from './leftovers.ts';
import type { SandboxId, SandboxSpec, VolumeMount } from './sandbox-spec.ts';
import type { WorkspaceReview } from './workspace-review.ts';

/** A named directory that outlives the containers it is attached to. */
export interface VolumeRecord {
  readonly name: string;
  /** Quota; null where there is none. */
  readonly sizeBytes: number | null;
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Sandboxes that it is attached to. */
  readonly users: readonly SandboxId[];
}

export interface Volumes {
  /** @throws SovereignError `volume.exists`, `limit.unsupported` when the file system has no quotas */
  create(
    name: string,
    options?: { readonly sizeBytes?: number; readonly labels?: Readonly<Record<string, string>> },
  ): Promise<VolumeRecord>;
  /** @throws SovereignError `volume.not-found` */
  inspect(name: string): Promise<VolumeRecord>;
  list(): Promise<readonly VolumeRecord[]>;
  /** @throws SovereignError `volume.not-found`, `volume.in-use` */
  remove(name: string): Promise<void>;
  /** Mounts it in a running or stopped container. @throws SovereignError `capability.missing` where only a stopped one takes it */
  attach(sandbox: SandboxId, mount: VolumeMount): Promise<void>;
  /** @throws SovereignError `volume.in-use` when a process of the container uses it */
  detach(sandbox: SandboxId, guestPath: string): Promise<void>;
}

/** A bridge between containers of one host. */
export interface NetworkRecord {
  readonly name: string;
  /** CIDR. */
  readonly subnet: string;
  readonly gateway: string;
  readonly createdMs: number;
  readonly members: readonly NetworkMember[];
}

export interface NetworkMember {
  readonly sandbox: SandboxId;
  readonly address: string;
  /** Names that resolve to it on this network. */
  readonly names: readonly string[];
}

/** Real networks for those who ask for them. Without one a container has loopback only. */
export interface Networks {
  /** @throws SovereignError `network.exists`, `network.conflict` when the subnet is in use on this host */
  create(name: string, options?: { readonly subnet?: string }): Promise<NetworkRecord>;
  list(): Promise<readonly NetworkRecord[]>;
  /** @throws SovereignError `network.not-found`, `network.in-use` */
  remove(name: string): Promise<void>;
  /** @throws SovereignError `network.not-found`, `network.exists` when it is connected already */
  connect(
    network: string,
    sandbox: SandboxId,
    options?: { readonly aliases?: readonly string[] },
  ): Promise<NetworkMember>;
  disconnect(network: string, sandbox: SandboxId): Promise<void>;
}

/** One path that a container changed against its image. */
export interface ChangeRecord {
  readonly kind: 'added' | 'modified' | 'removed';
  /** Absolute path inside. */
  readonly path: string;
}

export interface EngineEvent {
  readonly atMs: number;
  readonly kind:
    | 'created'
    | 'started'
    | 'stopped'
    | 'died'
    | 'paused'
    | 'resumed'
    | 'removed'
    | 'imagePulled'
    | 'imageRemoved'
    | 'networkConnected'
    | 'networkDisconnected';
  /** Id of the sandbox, or reference of the image. */
  readonly subject: string;
}

/** What an engine may be without. All else of the contract every engine has. */
export type EngineAbility =
  /** Images from Dockerfiles. */
  | 'build'
  | 'commit'
  | 'fork'
  | 'diff'
  | 'volumes'
  /** Volumes come and go after a container was made. */
  | 'attach'
  /** The same while it runs. */
  | 'attachRunning'
  | 'networks';

/**
 * What a backend of containers offers besides bringing guests up.
 *
 * A call that needs an ability of `lacks` is refused with `capability.missing` and changes nothing; a quota where the
 * file system has none with `limit.unsupported`, a build where no builder is installed with `image.builder-missing`.
 */
export interface ContainerEngine extends Sweeper {
  /** What it cannot do. Default: nothing. */
  readonly lacks?: readonly EngineAbility[];
  /** For those of `lacks` that it has on other hosts. Default: none. */
  readonly shortfalls?: Readonly<Partial<Record<EngineAbility, Shortfall>>>;
  readonly images: ImageLibrary;
  readonly volumes: Volumes;
  readonly networks: Networks;
  /** Makes an image of a container as it is now. A running one is paused for that moment. */
  commit(
    sandbox: SandboxId,
    options: {
      readonly reference: string;
      readonly config?: Partial<ImageConfig>;
      readonly signal?: AbortSignal;
    },
  ): Promise<ImageRecord>;
  /** Makes a container with the same root as a stopped or paused one, by its upper layer. It is not started. */
  fork(sandbox: SandboxId, spec: SandboxSpec): Promise<Guest>;
  /** What a container changed against its image, sorted by path. */
  diff(sandbox: SandboxId): AsyncIterable<ChangeRecord>;
  /** Changes of workspaces that are reviewed; undefined on an engine without. */
  readonly review?: WorkspaceReview;
  /** What happens from now on, until the signal. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
}
