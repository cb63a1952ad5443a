import { mkdirSync, rmSync } from 'node:fs';
import type { LimitSpec, ProcessIdentity, SandboxSpec } from '@sovereign/core';
import { findProgram, launchGuest, type LaunchHelper } from '@sovereign/guest';
import { cpuModel, type LocalArtifacts, type MachineBoot, type RootImage } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { diskName, lastDisk, makeFirstDisk } from './machine-disks.ts';
import { jailedLaunch } from './machine-jail.ts';
import { jailPaths, jailedArtifact } from './machine-paths.ts';
import { kernelCommandLine, qemuArguments, type Accelerator } from './qemu-arguments.ts';

const mebibyte = 1024 * 1024;
/** What a guest gets that asks for nothing: room for a compiler. Unused memory costs the host nothing. */
const defaultMemoryBytes = 512 * mebibyte;
const minMemoryBytes = 64 * mebibyte;
export interface MachineStart {
  readonly helper: LaunchHelper;
  readonly artifacts: LocalArtifacts;
  readonly shelldPath: string;
  readonly spec: SandboxSpec;
  readonly root: RootImage;
  readonly accelerator: Accelerator;
  readonly tscKhz: number | undefined;
  /** Size of its writable layer. */
  readonly diskBytes: number;
  readonly machinePath: string;
  readonly portsPath: string;
  readonly monitorSocketPath: string;
  readonly consolePath: string;
  readonly signal?: AbortSignal;
}

export interface StartedMachine {
  readonly process: ProcessIdentity;
  readonly boot: MachineBoot;
}

/** Starts the monitor of a machine that boots. Returns when its process runs; the guest answers later. */
export async function startMachine(start: MachineStart): Promise<StartedMachine> {
  const { artifacts, spec, root } = start;
  const [kernel, initrd, empty] = await Promise.all([
    artifacts.kernel(),
    artifacts.initrd(),
    artifacts.emptyDisk(start.diskBytes),
  ]);
  const jailed = (path: string): string => jailedArtifact(artifacts.store.path, path);
  if (lastDisk(start.machinePath) < 0) makeFirstDisk(start.machinePath, empty, artifacts.store.path);
  const { accelerator, tscKhz } = start;
  const [cpus, memoryBytes] = [machineCpus(spec.limits), machineMemory(spec.limits)];
  const shares = root.shared.map(({ source }) => source);
  const monitor = qemuArguments({
    qemuPath: findQemu(),
    accelerator,
    tscKhz,
    cpus,
    memoryBytes,
    kernelPath: jailed(kernel.path),
    initrdPath: jailed(initrd.path),
    basePath: jailed(root.base.path),
    diskPath: `${jailPaths.machine}/${diskName(lastDisk(start.machinePath))}`,
    shares,
    isWorkspaceReadOnly: spec.workspace?.isReadOnly === true,
    commandLine: kernelCommandLine({
      accelerator,
      tscKhz,
      cpus,
      shares,
      shareTargets: root.shared.map(({ target }) => target),
    }),
  });
  const boot: MachineBoot = {
    monitor: '',
    accelerator,
    cpuModel: cpuModel(),
    cpus,
    memoryBytes,
    tscKhz: tscKhz ?? 0,
    kernel: kernel.digest,
    initrd: initrd.digest,
    base: root.base.digest,
    disk: empty.digest,
  };
  return { process: await launchMonitor(start, monitor), boot };
}

/** Brings a monitor up in its jail. */
export async function launchMonitor(
  start: Omit<MachineStart, 'root' | 'accelerator' | 'tscKhz' | 'diskBytes'> & {
    readonly snapshotPath?: string;
  },
  monitor: readonly string[],
): Promise<ProcessIdentity> {
  const bubblewrapPath = findProgram('bwrap');
  if (bubblewrapPath === undefined) throw programMissing('bubblewrap (bwrap)', 'bubblewrap');
  rmSync(start.portsPath, { recursive: true, force: true });
  mkdirSync(start.portsPath, { recursive: true, mode: 0o700 });
  rmSync(start.monitorSocketPath, { force: true });
  const launched = await launchGuest(
    start.helper,
    start.shelldPath,
    jailedLaunch({
      bubblewrapPath,
      shelldPath: start.shelldPath,
      spec: start.spec,
      artifactsPath: start.artifacts.store.path,
      machinePath: start.machinePath,
      portsPath: start.portsPath,
      ...(start.snapshotPath !== undefined && { snapshotPath: start.snapshotPath }),
      monitorSocketPath: start.monitorSocketPath,
      consolePath: start.consolePath,
      monitor,
    }),
  );
  return launched.identity;
}

/** @throws SovereignError `launcher.missing` */
export function findQemu(): string {
  const path = findProgram('qemu-system-x86_64');
  if (path === undefined) throw programMissing('QEMU (qemu-system-x86_64)', 'qemu-system-x86');
  return path;
}

/** @throws SovereignError `argument.invalid` for less than a kernel boots in */
export function machineMemory(limits: LimitSpec): number {
  const bytes = limits.memoryBytes ?? defaultMemoryBytes;
  if (bytes < minMemoryBytes) {
    throw new SovereignError({
      reason: 'argument.invalid',
      message: `Memory of a microVM: ${bytes} bytes (at least ${minMemoryBytes}).`,
      hint: 'Give it 64 MiB or more.',
    });
  }
  return Math.ceil(bytes / mebibyte) * mebibyte;
}

/** Whole processors: a machine has no halves. */
export function machineCpus(limits: LimitSpec): number {
  return Math.min(16, Math.max(1, Math.ceil(limits.cpus ?? 1)));
}

function programMissing(what: string, packageName: string): SovereignError {
  return new SovereignError({
    reason: 'launcher.missing',
    message: `${what} is not installed.`,
    hint: `Install it, for example: sudo apt-get install ${packageName}`,
  });
}
