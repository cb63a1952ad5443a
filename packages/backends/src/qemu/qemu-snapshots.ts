import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFailed,
  undoCreate,
  isAlive,
  signalProcess,
  throwIfCancelled,
  withStartLock,
  type Guest,
  type ProcessIdentity,
  type SandboxId,
  type SandboxSpec,
  type SnapshotId,
  type SnapshotRecord,
  type Snapshots,
} from '@sovereign/core';
import type { LaunchHelper } from '@sovereign/guest';
import {
  cpuModel,
  type LocalArtifacts,
  type MachineBoot,
  type MachineFile,
  type MachineImages,
  type MachineState,
} from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import type { AcceleratorVerdict } from './choose-accelerator.ts';
import { freeMemory } from './host-memory.ts';
import { diskName, lastDisk, linkDisks, makeNextDisk } from './machine-disks.ts';
import { jailedArtifact, jailPaths } from './machine-paths.ts';
import { loadState, openStateSaving, prepareMigration } from './migration.ts';
import { monitorPid } from './monitor-process.ts';
import { checkSupported } from './qemu-errors.ts';
import { QemuGuest, type QemuGuestHost } from './qemu-guest.ts';
import { kernelCommandLine, qemuArguments } from './qemu-arguments.ts';
import { QmpClient } from './qmp-client.ts';
import { SnapshotFiles, type SnapshotIndex } from './snapshot-files.ts';
import { incompatible, noMemory, sharedImage, takeFailed } from './snapshot-errors.ts';
import { findQemu, launchMonitor } from './start-machine.ts';

const monitorTimeoutMs = 20_000;
const copyTimeoutMs = 60_000;
/** What QEMU takes beside the memory of its machine. */
const monitorBytes = 64 * 1024 * 1024;
/** Two measurements of one counter differ by less; two hosts do not. */
const clockTolerance = 0.001;

export interface QemuSnapshotsOptions {
  readonly root: string;
  readonly state: MachineState;
  readonly host: QemuGuestHost;
  readonly artifacts: LocalArtifacts;
  readonly images: MachineImages;
  readonly helper: LaunchHelper;
  readonly shelldPath: string;
  readonly accelerator: (signal?: AbortSignal) => Promise<AcceleratorVerdict>;
}

/**
 * Snapshots of QEMU machines. The memory of a machine that booted is a mapping that is copied as a file; machines that are
 * resumed map that file copy-on-write and so share what they do not change. The disk is a chain of files of which the
 * snapshot links those that are finished. A directory that the host shares cannot be part of it: a workspace is unmounted
 * for the moment, and image `host` is refused.
 */
export class QemuSnapshots implements Snapshots {
  readonly #options: QemuSnapshotsOptions;
  readonly #files: SnapshotFiles;

  constructor(options: QemuSnapshotsOptions) {
    this.#options = options;
    this.#files = new SnapshotFiles(options.root);
  }

  async take(
    sandbox: SandboxId,
    options: { readonly id: SnapshotId; readonly name?: string },
  ): Promise<SnapshotRecord> {
    const { state, host, images } = this.#options;
    const guest = new QemuGuest(state.readSpec(sandbox), host);
    guest.expect(['running'], 'take a snapshot of');
    if (guest.spec.image.kind === 'host') throw sharedImage(sandbox);
    const machine = state.readMachine(sandbox);
    if (machine === undefined) throw takeFailed(sandbox, 'it is not running');
    await guest.conversation.goOn();
    return guest.conversation.snapshotLock.hold(async () => {
      const remount = await guest.conversation.detachWorkspace();
      const partial = this.#files.begin(options.id);
      try {
        await images.share(options.id, sandbox);
        const taken = await this.#copy(guest, machine, partial);
        const index = { ...taken, name: options.name ?? '', spec: guest.spec, createdMs: Date.now() };
        return this.#files.keep(options.id, partial, index);
      } catch (error) {
        rmSync(partial, { recursive: true, force: true });
        images.release(options.id);
        throw error instanceof SovereignError && error.reason === 'snapshot.failed'
          ? error
          : takeFailed(sandbox, error instanceof Error ? error.message : String(error), error);
      } finally {
        await remount();
      }
    });
  }

  async resume(id: SnapshotId, spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    throwIfCancelled(signal);
    checkSupported(spec);
    const index = this.#files.open(id);
    await this.#checkCompatible(id, index.boot, signal);
    requireMemory(id, index.boot.memoryBytes);
    const { state, host, images } = this.#options;
    const bound: SandboxSpec = { ...spec, image: index.spec.image, network: 'none' };
    try {
      state.add(bound);
    } catch (error) {
      throw createFailed(spec.id, error);
    }
    let guest = new QemuGuest(bound, host);
    try {
      guest = new QemuGuest(bound, host, await images.share(bound.id, id));
      await withStartLock(state.startLockPath(bound.id), () => this.#wake(id, index, bound, signal));
      await guest.introduce({ isBooting: false, ...(signal !== undefined && { signal }) });
      throwIfCancelled(signal);
      return guest;
    } catch (error) {
      await undoCreate(guest, error);
      throwIfCancelled(signal);
      throw createFailed(spec.id, error);
    }
  }

  list(): Promise<readonly SnapshotRecord[]> {
    const records = this.#files.ids().map((id) => {
      try {
        return this.#files.record(id);
      } catch (error) {
        // One that cannot be read is not listed as what it is not; resuming it says what is wrong.
        if (error instanceof SovereignError && error.reason.startsWith('snapshot.')) return undefined;
        throw error;
      }
    });
    return Promise.resolve(records.filter((record) => record !== undefined));
  }

  /** Machines that were resumed from it keep what they map and what they link, so it can go at any time. */
  remove(id: SnapshotId): Promise<void> {
    this.#files.remove(id);
    this.#options.images.release(id);
    return Promise.resolve();
  }

  async #copy(
    guest: QemuGuest,
    machine: MachineFile,
    partial: string,
  ): Promise<Pick<SnapshotIndex, 'boot' | 'lastDisk' | 'memory' | 'pausedMs'>> {
    const { state, host } = this.#options;
    const machinePath = state.machinePath(guest.id);
    const last = lastDisk(machinePath);
    makeNextDisk(machinePath, last + 1);
    const isShared = machine.memory === 'shared';
    const memory = isShared ? memoryFile(machine) : undefined;
    const qmp = await QmpClient.connect(host.monitorSocketPath(guest.id), { timeoutMs: monitorTimeoutMs });
    try {
      await prepareMigration(qmp, isShared);
      const saving = await openStateSaving(qmp, {
        socketPath: join(host.portsPath(guest.id), 'state'),
        jailedSocketPath: `${jailPaths.ports}/state`,
        file: join(partial, 'state'),
      });
      const began = performance.now();
      try {
        // QEMU does them in this order; an answer in between would only be waited for.
        const stopped = qmp.execute('stop');
        const hasNextDisk = qmp.execute('blockdev-snapshot-sync', {
          device: 'disk',
          'snapshot-file': `${jailPaths.machine}/${diskName(last + 1)}`,
          format: 'qcow2',
          mode: 'existing',
        });
        await Promise.all([
          hasNextDisk.then(() => saving.save()),
          stopped.then(() => (memory === undefined ? undefined : this.#copyMemory(memory, partial))),
        ]);
      } finally {
        await qmp.execute('cont').finally(() => {
          saving.close();
        });
      }
      const pausedMs = performance.now() - began;
      linkDisks(machinePath, partial, last);
      const boot = { ...machine.boot, monitor: qmp.version };
      return { boot, lastDisk: last, memory: isShared ? 'file' : 'stream', pausedMs };
    } finally {
      await qmp.close();
    }
  }

  /** Memory is a file without a name; what was never written of it costs nothing to copy. */
  async #copyMemory(source: string, partial: string): Promise<void> {
    const { helper, shelldPath } = this.#options;
    const target = join(partial, 'memory');
    const copied = await helper.run([shelldPath, 'copy-sparse', source, target], {
      timeoutMs: copyTimeoutMs,
    });
    if (copied.exitCode !== 0)
      throw new Error(`its memory could not be copied: ${copied.stderr.slice(0, 300)}`);
  }

  async #checkCompatible(id: SnapshotId, boot: MachineBoot, signal: AbortSignal | undefined): Promise<void> {
    const { accelerator, tscKhz } = await this.#options.accelerator(signal);
    const differences = [
      boot.accelerator === accelerator
        ? ''
        : `it ran under ${boot.accelerator}, and machines run under ${accelerator} here`,
      boot.cpuModel === cpuModel() ? '' : `its processor was ${boot.cpuModel}, and this one is ${cpuModel()}`,
      isNear(boot.tscKhz, tscKhz ?? 0)
        ? ''
        : `its clock ran at ${boot.tscKhz} kHz, and runs at ${tscKhz ?? 0} here`,
      ...(['kernel', 'initrd', 'root', 'disk'] as const).map((kind) => {
        const digest = kind === 'root' ? boot.base : boot[kind];
        return this.#options.artifacts.store.holds(kind, digest) ? '' : `its ${kind} is not there any more`;
      }),
    ].filter((difference) => difference !== '');
    if (differences.length > 0) throw incompatible(id, differences.join('; '));
  }

  /** Starts a monitor on the snapshot's memory and gives it the state of the devices. */
  async #wake(
    id: SnapshotId,
    index: SnapshotIndex,
    spec: SandboxSpec,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { state, host, artifacts, helper, shelldPath } = this.#options;
    const { boot } = index;
    const machinePath = state.machinePath(spec.id);
    linkDisks(this.#files.directory(id), machinePath, index.lastDisk);
    makeNextDisk(machinePath, index.lastDisk + 1);
    const accelerator = boot.accelerator === 'kvm' ? 'kvm' : 'tcg';
    const jailed = (kind: string, digest: string): string =>
      jailedArtifact(artifacts.store.path, join(artifacts.store.path, kind, digest));
    const shape = {
      accelerator,
      cpus: boot.cpus,
      tscKhz: boot.tscKhz === 0 ? undefined : boot.tscKhz,
    } as const;
    const monitor = qemuArguments({
      ...shape,
      qemuPath: findQemu(),
      memoryBytes: boot.memoryBytes,
      kernelPath: jailed('kernel', boot.kernel),
      initrdPath: jailed('initrd', boot.initrd),
      basePath: jailed('root', boot.base),
      diskPath: `${jailPaths.machine}/${diskName(index.lastDisk + 1)}`,
      shares: [],
      isWorkspaceReadOnly: spec.workspace?.isReadOnly === true,
      commandLine: kernelCommandLine({ ...shape, shares: [], shareTargets: [] }),
      isIncoming: true,
      ...(index.memory === 'file' && { memoryPath: `${jailPaths.snapshot}/memory` }),
    });
    const process = await launchMonitor(
      {
        helper,
        artifacts,
        shelldPath,
        spec,
        machinePath,
        portsPath: host.portsPath(spec.id),
        monitorSocketPath: host.monitorSocketPath(spec.id),
        consolePath: state.consolePath(spec.id),
        snapshotPath: this.#files.directory(id),
        ...(signal !== undefined && { signal }),
      },
      monitor,
    );
    const memory = index.memory === 'file' ? 'private' : 'shared';
    state.writeMachine(spec.id, { ...process, boot: { ...boot, monitor: '' }, memory });
    await this.#load(id, index, spec.id).catch((error: unknown) => {
      if (isAlive(process)) signalProcess(process, 'SIGKILL');
      throw error;
    });
  }

  async #load(id: SnapshotId, index: SnapshotIndex, sandbox: SandboxId): Promise<void> {
    const { host } = this.#options;
    const qmp = await QmpClient.connect(host.monitorSocketPath(sandbox), { timeoutMs: monitorTimeoutMs });
    try {
      if (qmp.version !== index.boot.monitor)
        throw incompatible(id, `it was taken with ${index.boot.monitor}, and this is ${qmp.version}`);
      // In this order; the answer to the first need not be waited for.
      await Promise.all([
        prepareMigration(qmp, index.memory === 'file'),
        loadState(qmp, {
          socketPath: join(host.portsPath(sandbox), 'state'),
          jailedSocketPath: `${jailPaths.ports}/state`,
          file: join(this.#files.directory(id), 'state'),
        }),
      ]);
      await qmp.execute('cont');
    } finally {
      await qmp.close();
    }
  }
}

/**
 * A machine shares what it does not write with its snapshot, and may come to write all of it. What cannot be had now ends
 * in a kill by the kernel, of it or of another.
 */
function requireMemory(id: SnapshotId, memoryBytes: number): void {
  const [wanted, free] = [memoryBytes + monitorBytes, freeMemory()];
  if (free < wanted) throw noMemory(id, wanted, free);
}

function memoryFile(machine: ProcessIdentity): string {
  const monitor = monitorPid(machine);
  const directory = `/proc/${monitor?.pid ?? 0}/fd`;
  const found = readdirSync(directory).find((name) =>
    readlinkSync(join(directory, name)).startsWith('/memfd:memory-backend-memfd'),
  );
  if (found === undefined) throw new Error('its memory was not found');
  return join(directory, found);
}

function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) <= clockTolerance * Math.max(one, other);
}
