import type { GuestStats } from '../contract/backend.ts';
import type { NetworkMember, NetworkRecord, VolumeRecord } from '../contract/container-engine.ts';
import type { ExecRequest } from '../contract/exec.ts';
import type { BuildOptions, ImageRecord, PullOptions } from '../contract/images.ts';
import type { LimitSpec, SandboxId } from '../contract/sandbox-spec.ts';
import type { CopyOptions, CopyResult } from '../copy/copy-tally.ts';
import type { CreateOptions } from '../runtime/create-options.ts';
import type { ExecResult } from '../runtime/exec-result.ts';
import type { RunOptions } from '../runtime/run-command.ts';
import { Bridges, type Membership } from './bridges.ts';
import type { LinkRecord, PublishedPort } from '../contract/brokering.ts';
import type { NetworkTopology } from '../contract/topology.ts';
import type { RuntimeNetwork } from '../runtime/runtime-network.ts';
import type { PublishOptions } from '../runtime/sandbox-network.ts';
import { Connections } from './connections.ts';
import type { ContainerHost } from './container-host.ts';
import type { LogOptions, ProcessLog } from './container-logs.ts';
import type { ContainerStatus, ContainerSummary } from './container-summary.ts';
import { engineOf } from './engine-choice.ts';
import { Images, type EngineOption } from './images.ts';
import { Introspection, type ContainerListing } from './introspection.ts';
import { Lifecycle, type CommitOptions } from './lifecycle.ts';
import { Review } from './review.ts';
import { Steps } from './steps.ts';
import type { SystemMetrics } from './system-metrics.ts';
import { Volumes, type CreateVolumeOptions } from './volumes.ts';

/** What a container is connected to. */
export interface ContainerNetworkInfo {
  readonly container: SandboxId;
  /** Bridge networks that it is on. */
  readonly networks: readonly Membership[];
  readonly links: readonly LinkRecord[];
  readonly ports: readonly PublishedPort[];
}

/**
 * The control panel that an agent is given (R-PRIM-1 to 5): thirty-six primitives under the names by which agents know
 * them. A container is named by its id or its name; each call is one action, judged and recorded. The objects behind
 * them (`lifecycle`, `images` …) hold the rest of what programs use.
 */
export class ContainerPrimitives {
  readonly lifecycle: Lifecycle;
  readonly introspection: Introspection;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly networks: Bridges;
  /** Workspaces whose changes wait for a person. */
  readonly review: Review;
  /** Applications of such changes, which can be undone. */
  readonly steps: Steps;
  readonly #host: ContainerHost;
  readonly #connections: Connections;

  constructor(host: ContainerHost, network: RuntimeNetwork) {
    this.#host = host;
    this.#connections = new Connections(host, network);
    this.lifecycle = new Lifecycle(host);
    this.introspection = new Introspection(host);
    this.images = new Images(host);
    this.volumes = new Volumes(host);
    this.networks = new Bridges(host);
    this.review = new Review(host);
    this.steps = new Steps(host);
  }

  /** Makes a container and leaves it unstarted, unless `autoStart` is true. */
  createContainer(options: CreateOptions = {}): Promise<ContainerSummary> {
    return this.lifecycle.create(options);
  }

  startContainer(container: string): Promise<void> {
    return this.lifecycle.start(container);
  }

  /** Its files stay. `graceMs` (default 10,000): how long what runs in it may take to end. */
  stopContainer(container: string, options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.lifecycle.stop(container, options);
  }

  /** Also one that runs. Its volumes and its workspace stay. */
  removeContainer(container: string): Promise<void> {
    return this.lifecycle.remove(container);
  }

  /** Runs a command to its end; what it did, a timeout included, is in the result. */
  execInContainer(container: string, request: ExecRequest, options: RunOptions = {}): Promise<ExecResult> {
    return this.lifecycle.exec(container, request, options);
  }

  restartContainer(container: string, options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.lifecycle.restart(container, options);
  }

  pauseContainer(container: string): Promise<void> {
    return this.lifecycle.pause(container);
  }

  unpauseContainer(container: string): Promise<void> {
    return this.lifecycle.unpause(container);
  }

  /** Makes an image of it as it is now. */
  commitContainer(container: string, options: CommitOptions): Promise<ImageRecord> {
    return this.lifecycle.commit(container, options);
  }

  /** `from` is an absolute path of the host. @throws SovereignError `sandbox.not-running` unless it runs */
  async copyToContainer(
    container: string,
    paths: { readonly from: string; readonly to: string },
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    return (await this.#host.attach(container)).copyTo(paths.from, paths.to, options);
  }

  /** `to` is an absolute path of the host. @throws SovereignError `sandbox.not-running` unless it runs */
  async copyFromContainer(
    container: string,
    paths: { readonly from: string; readonly to: string },
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    return (await this.#host.attach(container)).copyFrom(paths.from, paths.to, options);
  }

  listContainers(): Promise<ContainerListing> {
    return this.introspection.list();
  }

  /** From its live processes. */
  getContainerStatus(container: string): Promise<ContainerStatus> {
    return this.introspection.status(container);
  }

  getContainerLogs(container: string, options: LogOptions = {}): Promise<readonly ProcessLog[]> {
    return this.introspection.logs(container, options);
  }

  /** The host, and every container that runs. */
  getSystemMetrics(): Promise<SystemMetrics> {
    return this.introspection.system();
  }

  createNetwork(
    name: string,
    options: EngineOption & { readonly subnet?: string } = {},
  ): Promise<NetworkRecord> {
    return this.networks.create(name, options);
  }

  removeNetwork(name: string, options: EngineOption = {}): Promise<void> {
    return this.networks.remove(name, options);
  }

  connectToNetwork(
    container: string,
    network: string,
    options: { readonly aliases?: readonly string[] } = {},
  ): Promise<NetworkMember> {
    return this.networks.connect(network, container, options);
  }

  disconnectFromNetwork(container: string, network: string): Promise<void> {
    return this.networks.disconnect(network, container);
  }

  /** Lets other containers link to a port of it. */
  exposePort(container: string, port: number): Promise<void> {
    return this.#connections.expose(container, port);
  }

  /** Publishes a port of it on the host; default on 127.0.0.1, on a port that the host chooses. */
  bindPort(container: string, options: PublishOptions): Promise<PublishedPort> {
    return this.#connections.bind(container, options);
  }

  getNetworkTopology(): Promise<NetworkTopology> {
    return this.#connections.topology();
  }

  async getContainerNetworkInfo(container: string): Promise<ContainerNetworkInfo> {
    const { guest, backend } = await this.#host.find(container);
    const chosen = engineOf(backend);
    const action = { kind: 'network.inspect', sandbox: guest.id } as const;
    return this.#host.actions.perform({ action, runtime: chosen.runtime }, async () => {
      const networks = await this.networks.of({ chosen, id: guest.id });
      return { container: guest.id, networks, ...(await this.#connections.of(guest.id)) };
    });
  }

  /** Lets processes of `from` reach one port of `to`, under its name, and nothing else of it. */
  establishConnection(from: string, to: string, port: number): Promise<LinkRecord> {
    return this.#connections.establish(from, to, port);
  }

  /** Takes that away again; open connections drop at once. */
  severConnection(from: string, to: string, port: number): Promise<void> {
    return this.#connections.sever(from, to, port);
  }

  setResourceLimits(container: string, limits: LimitSpec): Promise<void> {
    return this.introspection.setLimits(container, limits);
  }

  getResourceUsage(container: string): Promise<GuestStats> {
    return this.introspection.usage(container);
  }

  createVolume(name: string, options: CreateVolumeOptions = {}): Promise<VolumeRecord> {
    return this.volumes.create(name, options);
  }

  removeVolume(name: string, options: EngineOption = {}): Promise<void> {
    return this.volumes.remove(name, options);
  }

  attachVolume(
    container: string,
    mount: { readonly volume: string; readonly path: string; readonly isReadOnly?: boolean },
  ): Promise<void> {
    return this.volumes.attach(container, mount);
  }

  detachVolume(container: string, path: string): Promise<void> {
    return this.volumes.detach(container, path);
  }

  pullImage(reference: string, options: PullOptions & EngineOption = {}): Promise<ImageRecord> {
    return this.images.pull(reference, options);
  }

  buildImage(options: BuildOptions & EngineOption): Promise<ImageRecord> {
    return this.images.build(options);
  }

  listImages(options: EngineOption = {}): Promise<readonly ImageRecord[]> {
    return this.images.list(options);
  }

  removeImage(reference: string, options: EngineOption = {}): Promise<void> {
    return this.images.remove(reference, options);
  }

  inspectImage(reference: string, options: EngineOption = {}): Promise<ImageRecord> {
    return this.images.inspect(reference, options);
  }
}
