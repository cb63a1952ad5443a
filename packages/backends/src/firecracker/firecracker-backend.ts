import { rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createFailed,
  undoCreate,
  throwIfCancelled,
  type Backend,
  type Capabilities,
  type Guest,
  type GuestRecord,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  type Snapshots,
  isCorrupt,
  unknownSpec,
  withStartLock,
} from '@sovereign/core';
import { LaunchHelper } from '@sovereign/guest';
import { LocalArtifacts, MachineState, type MicrovmArtifacts } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { converseWithInit } from './converse.ts';
import { FirecrackerApi } from './firecracker-api.ts';
import { FirecrackerGuest } from './firecracker-guest.ts';
import type { Converse, FirecrackerHost } from './firecracker-host.ts';
import {
  findFirecracker,
  removeCgroups,
  snapshotIdentity,
  type FirecrackerPaths,
  type FirecrackerProgram,
} from './firecracker-program.ts';
import { FirecrackerSnapshots } from './firecracker-snapshots.ts';
import { monitorId } from './launch-arguments.ts';
import { machineFiles } from './machine-root.ts';
import { checkSupported, machineShape } from './machine-shape.ts';
import { planBoot } from './plan-boot.ts';
import { probeFirecracker } from './probe.ts';
import { copySparse } from './prepare-root.ts';
import { startMachine, type StartPlan } from './start-machine.ts';

export interface FirecrackerOptions extends FirecrackerPaths {
  /** Directory for everything that outlives this process. Mode 0700. */
  readonly stateDirectory: string;
  /** Directory for links to sockets; short, because a socket path has 107 bytes at most. Mode 0700. */
  readonly runtimeDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** Where artifacts are kept. Default: `images` in the state directory. */
  readonly imageDirectory?: string;
  /** A kernel to boot instead of the one that `sovereign microvm build` makes. */
  readonly kernelPath?: string;
  /** What machines boot from; for tests. Default: artifacts that are built on this host. */
  readonly artifacts?: MicrovmArtifacts;
  /** Speaks to the init of a machine. Default: over the guest channel. */
  readonly converse?: Converse;
  /** Whether this host can run one; for tests, which have no KVM. Default: a trial machine is booted. */
  readonly hasKvm?: () => boolean;
}

/** MicroVMs under Firecracker: state as files, the jailer around every monitor where we are root, vsock as channel. */
export function createFirecrackerBackend(options: FirecrackerOptions): Backend {
  return new FirecrackerBackend(options);
}

class FirecrackerBackend implements Backend, FirecrackerHost {
  readonly name = 'firecracker';
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
    isSealed: true,
  };
  readonly state: MachineState;
  readonly converse: Converse;
  readonly #options: FirecrackerOptions;
  readonly #helper: LaunchHelper;
  // Made when they are first asked for: one command needs few of them.
  #madeArtifacts: MicrovmArtifacts | undefined;
  #snapshots: Snapshots | undefined;
  #hasSwept = false;

  constructor(options: FirecrackerOptions) {
    this.#options = options;
    this.#helper = new LaunchHelper({ shelldPath: options.shelldPath });
    this.state = new MachineState(join(options.stateDirectory, 'firecracker'));
    this.converse = options.converse ?? converseWithInit;
  }

  get #artifacts(): MicrovmArtifacts {
    const { artifacts, imageDirectory, stateDirectory, shelldPath, pythonPath, kernelPath } = this.#options;
    return (this.#madeArtifacts ??=
      artifacts ??
      new LocalArtifacts({
        imageDirectory: imageDirectory ?? join(stateDirectory, 'images'),
        shelldPath,
        ...(pythonPath !== undefined && { pythonPath }),
        ...(kernelPath !== undefined && { kernelPath }),
      }));
  }

  get snapshots(): Snapshots {
    return (this.#snapshots ??= new FirecrackerSnapshots({
      directory: join(this.#options.stateDirectory, 'firecracker', 'snapshots'),
      helper: this.#helper,
      identity: async () => snapshotIdentity(await this.#program()),
      attach: (id) => this.attach(id),
      host: this,
      bringUp: (spec, plan, signal) => this.#bringUp(spec, plan, signal),
    }));
  }

  probe(signal?: AbortSignal): Promise<Probe> {
    return probeFirecracker({
      program: () => this.#program(),
      artifacts: this.#artifacts,
      ...(this.#options.hasKvm && { hasKvm: this.#options.hasKvm }),
      stampPath: join(this.#options.stateDirectory, 'firecracker', 'probe-succeeded'),
      trial: (until) => this.#trial(until),
      ...(signal && { signal }),
    });
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    throwIfCancelled(signal);
    checkSupported(spec);
    return this.#bringUp(spec, await this.#boot(spec, signal), signal);
  }

  async define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    throwIfCancelled(signal);
    checkSupported(spec);
    await this.#boot(spec, signal);
    await this.#add(spec);
    return new FirecrackerGuest(spec, this);
  }

  async launch(spec: SandboxSpec, signal?: AbortSignal): Promise<void> {
    await this.#start(spec, await this.#boot(spec, signal), signal);
  }

  async list(): Promise<readonly GuestRecord[]> {
    const records = await Promise.all(this.state.ids().map((id) => this.#record(id)));
    return records.filter((record) => record !== undefined);
  }

  async attach(id: SandboxId): Promise<FirecrackerGuest> {
    try {
      // First: of a sandbox that is not ours the module of guests need not be evaluated.
      const spec = this.state.readSpec(id);
      return await Promise.resolve(new FirecrackerGuest(spec, this));
    } catch (error) {
      if (isCorrupt(error)) return new FirecrackerGuest(unknownSpec(id), this);
      throw error;
    }
  }

  socketDirectory(id: SandboxId): string {
    return join(this.#options.runtimeDirectory, `${id}.fc`);
  }

  api(id: SandboxId): FirecrackerApi {
    const socketPath = join(this.socketDirectory(id), machineFiles.apiSocket);
    return new FirecrackerApi({ sandbox: id, socketPath });
  }

  clearSockets(id: SandboxId): void {
    for (const name of [machineFiles.apiSocket, machineFiles.vsockSocket])
      rmSync(join(this.socketDirectory(id), name), { force: true });
    rmSync(this.socketDirectory(id), { force: true });
  }

  async clear(id: SandboxId): Promise<void> {
    this.clearSockets(id);
    for (const exec of await readdir(this.#jailsPath).catch(() => []))
      await rm(join(this.#jailsPath, exec, monitorId(id)), { recursive: true, force: true });
    await removeCgroups(id);
  }

  close(): Promise<void> {
    return this.#helper.close();
  }

  get #jailsPath(): string {
    return join(this.#options.stateDirectory, 'firecracker', 'jails');
  }

  #program(): Promise<FirecrackerProgram> {
    return findFirecracker(this.#options, this.#helper);
  }

  /** Gives it a place in the state directory. */
  async #add(spec: SandboxSpec): Promise<void> {
    if (!this.#hasSwept) await this.state.sweep();
    this.#hasSwept = true;
    try {
      this.state.add(spec);
    } catch (error) {
      throw createFailed(spec.id, error);
    }
  }

  /** Adds, starts and settles; when any of it fails, nothing is left. */
  async #bringUp(spec: SandboxSpec, plan: StartPlan, signal: AbortSignal | undefined): Promise<Guest> {
    await this.#add(spec);
    const guest = new FirecrackerGuest(spec, this);
    try {
      await withStartLock(this.state.startLockPath(spec.id), () => this.#start(spec, plan, signal));
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

  async #start(
    spec: SandboxSpec,
    { files, calls, boot }: StartPlan,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const program = await this.#program();
    const machinePath = this.state.machinePath(spec.id);
    const disk = join(machinePath, machineFiles.disk);
    const placed = files.map((file) => (file.isWritable ? { ...file, source: disk } : file));
    const source = files.find((file) => file.isWritable)?.source;
    if (source !== undefined && this.state.readMachine(spec.id) === undefined)
      await copySparse(this.#helper, source, disk);
    const identity = await startMachine({
      helper: this.#helper,
      program,
      shelldPath: this.#options.shelldPath,
      sandbox: spec.id,
      shape: machineShape(spec.limits),
      files: placed,
      calls,
      api: this.api(spec.id),
      machinePath,
      jailsPath: this.#jailsPath,
      linkPath: this.socketDirectory(spec.id),
      consolePath: this.state.consolePath(spec.id),
      ...(signal && { signal }),
    });
    const monitor = `Firecracker ${program.version}`;
    this.state.writeMachine(spec.id, { ...identity, boot: { ...boot, monitor }, memory: 'private' });
  }

  #boot(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<StartPlan> {
    return planBoot(this.#artifacts, spec, signal);
  }

  /** Boots a machine of the host's image without its directories, asks it for one round trip, and removes it. */
  async #trial(signal: AbortSignal): Promise<void> {
    const spec: SandboxSpec = {
      ...unknownSpec(trialId),
      limits: { memoryBytes: 128 * 1024 ** 2 },
    };
    await (await this.attach(trialId).catch(() => undefined))?.remove();
    const guest = await this.#bringUp(spec, await this.#boot(spec, signal), signal);
    await guest.remove();
  }

  /** Undefined when it was removed while we looked. */
  async #record(id: SandboxId): Promise<GuestRecord | undefined> {
    if (id === trialId) return undefined;
    try {
      const guest = new FirecrackerGuest(this.state.readSpec(id), this);
      const state = await guest.status();
      const problem = state === 'broken' ? { problem: 'Its monitor does not answer. Remove it.' } : {};
      return { id, backend: this.name, spec: guest.spec, state, ...problem };
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.not-found') return undefined;
      const problem = error instanceof Error ? error.message : String(error);
      return { id, backend: this.name, spec: unknownSpec(id), state: 'broken', problem };
    }
  }
}

const trialId = 'sbx_trial0000000' as SandboxId;
