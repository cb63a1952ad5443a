import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import {
  createFailed,
  undoCreate,
  signalProcess,
  throwIfCancelled,
  type Backend,
  type Capabilities,
  type ContainerEngine,
  type Guest,
  type GuestRecord,
  type ImageConfig,
  type LateBinding,
  type ProcessIdentity,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  isCorrupt,
  unknownSpec,
  withStartLock,
} from '@sovereign/core';
import { LaunchHelper, workspaceTarget } from '@sovereign/guest';
import type { Cgroups } from './cgroups.ts';
import type { EngineHost } from './engine-host.ts';
import { EventLog } from './events/event-log.ts';
import { detectCgroups } from './detect-cgroups.ts';
import { guestRoot, type ImageRoot } from './guest-root.ts';
import { ImageRoots, type ResolvedImage } from './image-roots.ts';
import { launchQuilt, makeSocketDirectory, sweepSockets } from './quilt-launch.ts';
import { QuiltGuest, type QuiltGuestHost } from './quilt-guest.ts';
import { quiltCapabilities } from './quilt-capabilities.ts';
import { quiltLateBinding } from './quilt-late-binding.ts';
import { QuiltState } from './quilt-state.ts';
import { probeQuilt } from './probe.ts';
import { emptyDirectory } from './empty-directory.ts';
import { createImageLibrary, type ImageLibraryOptions, type LayeredImages } from '@sovereign/images';
import { createBuildGuest } from './build-guest.ts';
import { createLayerUnpacker } from './layer-unpacker.ts';
import type { ScratchOptions } from './scratch-guest.ts';
import { TarRoots } from './tar-roots.ts';
import { GuestVisitor } from './visit.ts';
import { QuiltNetworks } from './networks/quilt-networks.ts';
import { QuiltVolumes } from './volumes/quilt-volumes.ts';
import { QuiltEngine } from './quilt-engine.ts';
import type { StepLimits } from './review/step-room.ts';

export interface QuiltOptions {
  /** Directory for everything that outlives this process: sandboxes and images. Mode 0700. */
  readonly stateDirectory: string;
  /** Directory for sockets; short, because a socket path has 107 bytes at most. Mode 0700. */
  readonly runtimeDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** Default: what this host offers. */
  readonly cgroups?: Cgroups;
  /** What its image library is told: registries, limits, where credentials are. Default: that of the library. */
  readonly images?: Omit<ImageLibraryOptions, 'builder' | 'directory' | 'unpacker'>;
  /** How much of what applications replace is kept. Default: 1 GiB of one, 4 GiB and 1,000 of all, for 30 days. */
  readonly steps?: Partial<StepLimits>;
}

/** Daemonless containers of our own: state as files, bubblewrap as launcher, shelld as PID 1. */
export function createQuiltBackend(options: QuiltOptions): Backend & { readonly images: LayeredImages } {
  return new QuiltBackend(options);
}

class QuiltBackend implements Backend, QuiltGuestHost, EngineHost {
  readonly name = 'quilt';
  readonly tier = 'container';
  readonly capabilities: Capabilities;
  readonly directory: string;
  readonly runtimeDirectory: string;
  readonly state: QuiltState;
  readonly helper: LaunchHelper;
  readonly tarRoots: TarRoots = new TarRoots(() => this.scratch);
  readonly lateBinding: LateBinding = quiltLateBinding(this);
  readonly #roots = new ImageRoots(this);
  readonly #options: QuiltOptions;
  // Made when they are first asked for: one command needs few of them.
  #cgroups: Cgroups | undefined;
  #visitor: GuestVisitor | undefined;
  #events: EventLog | undefined;
  #images: LayeredImages | undefined;
  #volumes: QuiltVolumes | undefined;
  #networks: QuiltNetworks | undefined;
  #engine: QuiltEngine | undefined;
  #hasSwept = false;

  constructor(options: QuiltOptions) {
    this.#options = options;
    this.helper = new LaunchHelper({ shelldPath: options.shelldPath });
    this.directory = join(options.stateDirectory, 'quilt');
    this.runtimeDirectory = options.runtimeDirectory;
    this.state = new QuiltState(this.directory);
    this.capabilities = quiltCapabilities(() => this.cgroups);
  }

  get cgroups(): Cgroups {
    return (this.#cgroups ??= this.#options.cgroups ?? detectCgroups());
  }

  get visitor(): GuestVisitor {
    const { shelldPath } = this.#options;
    return (this.#visitor ??= new GuestVisitor({ helper: this.helper, shelldPath }));
  }

  get events(): EventLog {
    return (this.#events ??= new EventLog(this.directory));
  }

  get images(): LayeredImages {
    return (this.#images ??= createImageLibrary({
      ...this.#options.images,
      directory: join(this.#imageDirectory, 'library'),
      unpacker: createLayerUnpacker(() => this.scratch),
      builder: createBuildGuest(() => this.scratch),
    }));
  }

  get volumes(): QuiltVolumes {
    return (this.#volumes ??= new QuiltVolumes(this));
  }

  get networks(): QuiltNetworks {
    return (this.#networks ??= new QuiltNetworks(this));
  }

  get stepLimits(): Partial<StepLimits> {
    return this.#options.steps ?? {};
  }

  get engine(): ContainerEngine {
    return (this.#engine ??= new QuiltEngine(this, this));
  }

  probe(signal?: AbortSignal): Promise<Probe> {
    return probeQuilt(this.scratch, this.cgroups, signal);
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const image = await this.#add(spec, signal);
    const guest = new QuiltGuest(spec, this, image.held?.config);
    try {
      await withStartLock(this.state.startLockPath(spec.id), () => this.#launch(spec, image.root));
      throwIfCancelled(signal);
      this.state.markWhole(spec.id);
      guest.isNew = true;
      for (const kind of ['created', 'started'] as const) this.events.add(kind, spec.id);
      return guest;
    } catch (error) {
      await undoCreate(guest, error);
      throw createFailed(spec.id, error);
    }
  }

  async define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const { held } = await this.#add(spec, signal);
    this.state.markWhole(spec.id);
    this.events.add('created', spec.id);
    return new QuiltGuest(spec, this, held?.config);
  }

  async launch(spec: SandboxSpec): Promise<void> {
    await this.#launch(spec, await this.#roots.own(spec));
  }

  list(): Promise<readonly GuestRecord[]> {
    const records = this.state.ids().map((id) => this.#record(id));
    return Promise.resolve(records.filter((record) => record !== undefined));
  }

  async attach(id: SandboxId): Promise<Guest> {
    try {
      const spec = this.state.readSpec(id);
      return new QuiltGuest(spec, this, await this.imageConfig(spec));
    } catch (error) {
      if (isCorrupt(error)) return new QuiltGuest(unknownSpec(id), this);
      throw error;
    }
  }

  forget(id: SandboxId): Promise<void> {
    return this.networks.leaveAll(id);
  }

  emptyAsGuest(directory: string): Promise<void> {
    return emptyDirectory(directory, this.scratch);
  }

  socketPath(id: SandboxId): string {
    return join(this.#options.runtimeDirectory, `${id}.sock`);
  }

  async imageConfig({ id, image }: SandboxSpec): Promise<ImageConfig | undefined> {
    return image.kind === 'host' ? undefined : (await this.images.kept(id))?.config;
  }

  releaseImage(id: SandboxId): void {
    this.images.release(id);
  }

  close(): Promise<void> {
    this.#images?.close();
    return this.helper.close();
  }

  guest(id: SandboxId): QuiltGuest {
    return new QuiltGuest(this.state.readSpec(id), this);
  }

  workspacePath(id: SandboxId): string {
    return workspaceTarget(this.state.readSpec(id));
  }

  async scratchLike(spec: SandboxSpec): Promise<ScratchOptions> {
    const root = await this.#roots.own(spec);
    return root === undefined ? this.scratch : { ...this.scratch, imageRoot: root };
  }

  async defineWithLayer(spec: SandboxSpec, of: SandboxId, layer: string): Promise<Guest> {
    await this.images.holdSame(spec.id, of);
    try {
      const { held } = await this.#add(spec, undefined, { of, layer });
      this.state.markWhole(spec.id);
      this.events.add('created', spec.id);
      return new QuiltGuest(spec, this, held?.config);
    } catch (error) {
      if (!this.state.ids().includes(spec.id)) this.images.release(spec.id);
      throw error;
    }
  }

  /** Checks what was asked for, and gives it a place in the state directory. Returns its image. */
  async #add(
    spec: SandboxSpec,
    signal: AbortSignal | undefined,
    fork?: { readonly of: SandboxId; readonly layer: string },
  ): Promise<ResolvedImage> {
    throwIfCancelled(signal);
    if (spec.isInsecure) throw insecureRefused();
    await this.#sweepOnce();
    this.volumes.check(spec.volumes ?? [], workspaceTarget(spec));
    const image = await this.#roots.resolve(spec, { signal, rootName: fork && this.state.rootName(fork.of) });
    try {
      this.state.add(spec, {
        ...(fork && { layer: fork.layer }),
        ...(image.tarRoot && { rootName: image.tarRoot.name }),
      });
    } catch (error) {
      // An id that is taken is another sandbox's, and so is the image that it holds.
      if (image.held !== undefined && !this.state.ids().includes(spec.id)) this.images.release(spec.id);
      throw createFailed(spec.id, error);
    } finally {
      image.tarRoot?.release();
    }
    return image;
  }

  async #launch(spec: SandboxSpec, imageRoot: ImageRoot | undefined): Promise<void> {
    makeSocketDirectory(this.#options.runtimeDirectory);
    rmSync(this.state.consolePath(spec.id), { force: true });
    const launched = await launchQuilt({
      helper: this.helper,
      shelldPath: this.#options.shelldPath,
      spec,
      root: guestRoot(spec, {
        imageDirectory: this.#imageDirectory,
        imageRoot,
        layerPath: this.state.layerPath(spec.id),
        ...(spec.workspace?.isReviewed === true && { reviewPath: this.state.reviewPath(spec.id) }),
        shelldPath: this.#options.shelldPath,
        pythonPath: this.#options.pythonPath,
      }),
      socketPath: this.socketPath(spec.id),
      consolePath: this.state.consolePath(spec.id),
      cgroups: this.cgroups.create(spec.id, spec.limits),
    });
    await this.#connect(spec, launched.identity);
    this.state.writeGuest(spec.id, { ...launched.identity, workspaceOwnership: launched.workspaceOwnership });
  }

  /** Gives a guest that has just come up what it has beside its root; one that cannot get it is ended. */
  async #connect(spec: SandboxSpec, guest: ProcessIdentity): Promise<void> {
    try {
      await this.volumes.mountAll(spec.id, guest);
      await this.networks.plugAll(spec.id, guest);
    } catch (error) {
      signalProcess(guest, 'SIGKILL');
      throw error;
    }
  }

  /** Deletes what crashes have left, whosever. */
  async #sweepOnce(): Promise<void> {
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    await this.state.sweep((directory) => this.emptyAsGuest(directory));
    const ids = new Set<string>(this.state.ids());
    sweepSockets(this.#options.runtimeDirectory, (id) => ids.has(id));
  }

  get #imageDirectory(): string {
    return join(this.#options.stateDirectory, 'images');
  }

  get scratch(): ScratchOptions {
    const { shelldPath, runtimeDirectory } = this.#options;
    return { helper: this.helper, shelldPath, runtimeDirectory, imageDirectory: this.#imageDirectory };
  }

  /** Undefined when it was removed while we looked. */
  #record(id: SandboxId): GuestRecord | undefined {
    try {
      const guest = new QuiltGuest(this.state.readSpec(id), this);
      const state = guest.state();
      const problem =
        state === 'broken' ? { problem: 'What is recorded of its process cannot be read.' } : {};
      return { id, backend: this.name, spec: guest.spec, state, ...problem };
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.not-found') return undefined;
      const problem = error instanceof Error ? error.message : String(error);
      return { id, backend: this.name, spec: unknownSpec(id), state: 'broken', problem };
    }
  }
}

function insecureRefused(): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: 'quilt does not run with isInsecure.',
    hint: 'Leave it out, or ask for the process tier.',
  });
}
