import { join } from 'node:path';
import {
  createFailed,
  undoCreate,
  isSnapshotId,
  throwIfCancelled,
  type Backend,
  type BootArtifacts,
  type Capabilities,
  type Guest,
  type GuestRecord,
  type ImageConfig,
  type LateBinding,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  type Snapshots,
  type Sweeper,
  isCorrupt,
  unknownSpec,
  withStartLock,
} from '@sovereign/core';
import { LaunchHelper } from '@sovereign/guest';
import type { LayeredImages } from '@sovereign/images';
import {
  LocalArtifacts,
  MachineBuild,
  MachineImages,
  MachineState,
  PackedRoots,
  type MachineImage,
} from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { defaultDiskBytes } from './machine-disks.ts';
import { chooseAccelerator, type AcceleratorVerdict } from './choose-accelerator.ts';
import { QemuGuest, type QemuGuestHost } from './qemu-guest.ts';
import { checkSupported } from './qemu-errors.ts';
import { qemuLateBinding } from './qemu-late-binding.ts';
import { QemuSnapshots } from './qemu-snapshots.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { startMachine } from './start-machine.ts';
import { WarmConversations } from './warm-conversations.ts';

export interface QemuOptions {
  /** Directory for everything that outlives this process. Mode 0700. */
  readonly stateDirectory: string;
  /** Directory for sockets; short, because a socket path has 107 bytes at most. Mode 0700. */
  readonly runtimeDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** Where artifacts are kept. Default: `images` in the state directory. */
  readonly imageDirectory?: string;
  /** Size of the writable layer of each machine; it costs what is written. Default 8 GiB. */
  readonly diskBytes?: number;
  /** Library in which images have names, which stays the caller's to close; asked for when it is needed. Default: none has one. */
  readonly images?: () => LayeredImages;
  /** A kernel to boot instead of the one that `sovereign microvm build` makes. */
  readonly kernelPath?: string;
}

/** MicroVMs under QEMU: state as files, a jail around every monitor, shelld as init, virtio-serial ports as channel. */
export function createQemuBackend(options: QemuOptions): Backend {
  return new QemuBackend(options);
}

const emulatedOnly =
  'KVM runs no machine here, and emulated ones compute several times slower: they are for who asks';

class QemuBackend implements Backend, QemuGuestHost {
  readonly name = 'qemu';
  readonly tier = 'microvm';
  readonly capabilities: Capabilities = {
    isPersistent: true,
    canStop: true,
    canPause: true,
    canSetLimits: false,
    canStats: true,
    canDefine: true,
    hasPty: true,
    hasImages: true,
    isIsolated: true,
  };
  readonly state: MachineState;
  readonly lateBinding: LateBinding = qemuLateBinding(this);
  readonly warm: WarmConversations = new WarmConversations();
  readonly #options: QemuOptions;
  readonly #helper: LaunchHelper;
  // Made when they are first asked for: one command needs few of them.
  #artifacts: LocalArtifacts | undefined;
  #machineImages: MachineImages | undefined;
  #sweeper: Sweeper | undefined;
  #bootArtifacts: BootArtifacts | undefined;
  #snapshots: Snapshots | undefined;
  #hasSwept = false;
  #verdict: Promise<AcceleratorVerdict> | undefined;

  constructor(options: QemuOptions) {
    this.#options = options;
    this.#helper = new LaunchHelper({ shelldPath: options.shelldPath });
    this.state = new MachineState(join(options.stateDirectory, 'qemu'));
  }

  get artifacts(): LocalArtifacts {
    const { imageDirectory, stateDirectory, shelldPath, pythonPath, kernelPath } = this.#options;
    return (this.#artifacts ??= new LocalArtifacts({
      imageDirectory: imageDirectory ?? join(stateDirectory, 'images'),
      shelldPath,
      ...(pythonPath !== undefined && { pythonPath }),
      ...(kernelPath !== undefined && { kernelPath }),
    }));
  }

  get images(): LayeredImages | undefined {
    return this.#options.images?.();
  }

  get machineImages(): MachineImages {
    const library = this.images;
    const sandboxes = join(this.#options.stateDirectory, 'qemu', 'sandboxes');
    return (this.#machineImages ??= new MachineImages({
      artifacts: this.artifacts,
      home: (owner) => join(isSnapshotId(owner) ? this.#snapshotsPath : sandboxes, owner),
      ...(library !== undefined && { library }),
    }));
  }

  get sweeper(): Sweeper | undefined {
    const library = this.images;
    if (library === undefined) return undefined;
    return (this.#sweeper ??= new PackedRoots({
      store: this.artifacts.store,
      library,
      inUse: () => new Set([...this.state.roots(), ...new SnapshotFiles(this.#snapshotsPath).roots()]),
    }));
  }

  get bootArtifacts(): BootArtifacts {
    return (this.#bootArtifacts ??= new MachineBuild(this.artifacts, this.machineImages));
  }

  get snapshots(): Snapshots {
    return (this.#snapshots ??= new QemuSnapshots({
      root: this.#snapshotsPath,
      state: this.state,
      host: this,
      artifacts: this.artifacts,
      images: this.machineImages,
      helper: this.#helper,
      shelldPath: this.#options.shelldPath,
      accelerator: (signal) => this.#accelerator(signal),
    }));
  }

  async probe(signal?: AbortSignal): Promise<Probe> {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      return { ok: false, reason: 'QEMU microVMs need Linux on x86-64.', hint: 'Use another tier.' };
    }
    try {
      const { accelerator, detail } = await this.#accelerator(signal);
      // ADR 0018: emulation isolates as well as KVM does, and is slower than most would choose without being asked.
      return accelerator === 'kvm' ? { ok: true, detail } : { ok: true, detail, byNameOnly: emulatedOnly };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const hint = error instanceof SovereignError ? error.hint : 'See `sovereign doctor`.';
      return { ok: false, reason, hint };
    }
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const image = await this.#add(spec, signal);
    const guest = new QemuGuest(spec, this, image.config);
    try {
      await withStartLock(this.state.startLockPath(spec.id), () => this.#start(spec, image, signal));
      throwIfCancelled(signal);
      await guest.settle(signal);
      throwIfCancelled(signal);
      return guest;
    } catch (error) {
      await undoCreate(guest, error);
      throwIfCancelled(signal);
      throw createFailed(spec.id, error);
    }
  }

  async define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const { config } = await this.#add(spec, signal);
    return new QemuGuest(spec, this, config);
  }

  async launch(spec: SandboxSpec): Promise<void> {
    await this.#start(spec, await this.machineImages.take(spec.id, spec.image));
  }

  async list(): Promise<readonly GuestRecord[]> {
    const records = await Promise.all(this.state.ids().map((id) => this.#record(id)));
    return records.filter((record) => record !== undefined);
  }

  async attach(id: SandboxId): Promise<Guest> {
    try {
      // First: of a sandbox that is not ours the module of guests need not be evaluated.
      const spec = this.state.readSpec(id);
      const guest = new QemuGuest(spec, this, await this.imageConfig(spec));
      // Whoever takes it up lets it go on; one that cannot be brought to that can be removed all the same.
      if (await guest.conversation.standsStill()) await guest.conversation.goOn().catch(() => undefined);
      return guest;
    } catch (error) {
      if (isCorrupt(error)) return new QemuGuest(unknownSpec(id), this);
      throw error;
    }
  }

  portsPath(id: SandboxId): string {
    return join(this.#options.runtimeDirectory, id);
  }

  monitorSocketPath(id: SandboxId): string {
    return join(this.#options.runtimeDirectory, `${id}.qmp`);
  }

  async imageConfig({ id, image }: SandboxSpec): Promise<ImageConfig | undefined> {
    return image.kind === 'host' ? undefined : this.machineImages.configOf(id);
  }

  releaseImage(id: SandboxId): void {
    this.machineImages.release(id);
  }

  async close(): Promise<void> {
    await this.warm.close();
    await this.#helper.close();
  }

  /** Checks what was asked for, and gives it a place in the state directory. Returns its image. */
  async #add(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<MachineImage> {
    throwIfCancelled(signal);
    checkSupported(spec);
    if (!this.#hasSwept) await this.state.sweep();
    this.#hasSwept = true;
    const image = await this.machineImages.take(spec.id, spec.image, signal === undefined ? {} : { signal });
    try {
      this.state.add(spec);
    } catch (error) {
      // An id that is taken is another sandbox's, and so is the image that it has.
      if (!this.state.ids().includes(spec.id)) this.machineImages.release(spec.id);
      throw createFailed(spec.id, error);
    }
    return image;
  }

  async #start(spec: SandboxSpec, { root }: MachineImage, signal?: AbortSignal): Promise<void> {
    const { accelerator, tscKhz } = await this.#accelerator(signal);
    const { process, boot } = await startMachine({
      helper: this.#helper,
      artifacts: this.artifacts,
      shelldPath: this.#options.shelldPath,
      spec,
      root,
      accelerator,
      tscKhz,
      diskBytes: this.#options.diskBytes ?? defaultDiskBytes,
      machinePath: this.state.machinePath(spec.id),
      portsPath: this.portsPath(spec.id),
      monitorSocketPath: this.monitorSocketPath(spec.id),
      consolePath: this.state.consolePath(spec.id),
      ...(signal !== undefined && { signal }),
    });
    this.state.writeMachine(spec.id, { ...process, boot, memory: 'shared' });
  }

  get #snapshotsPath(): string {
    return join(this.#options.stateDirectory, 'qemu', 'snapshots');
  }

  #accelerator(signal?: AbortSignal): Promise<AcceleratorVerdict> {
    const { stateDirectory, runtimeDirectory, shelldPath } = this.#options;
    this.#verdict ??= chooseAccelerator(
      {
        helper: this.#helper,
        artifacts: this.artifacts,
        shelldPath,
        stateDirectory: join(stateDirectory, 'qemu'),
        runtimeDirectory,
      },
      signal,
    ).catch((error: unknown) => {
      this.#verdict = undefined;
      throw error;
    });
    return this.#verdict;
  }

  /** Undefined when it was removed while we looked. */
  async #record(id: SandboxId): Promise<GuestRecord | undefined> {
    try {
      const guest = new QemuGuest(this.state.readSpec(id), this);
      const state = await guest.status();
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
