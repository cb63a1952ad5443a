import type { SandboxId } from '@sovereign/core';
import { machineFiles } from './machine-root.ts';
import type { MachineShape } from './machine-shape.ts';

/** Firecracker under its jailer: a user of its own, a chroot, control groups, no network namespace of the host's to join. */
export interface JailSpec {
  readonly jailerPath: string;
  /** Directory that holds the jails. */
  readonly basePath: string;
  /** User and group that own nothing on the host. */
  readonly uid: number;
  readonly cgroupVersion: 1 | 2;
}

/** Name of a machine to Firecracker, which allows letters, digits and hyphens. */
export function monitorId(sandbox: SandboxId): string {
  return sandbox.replace('_', '-');
}

/** Directory, below that of all jails, that the jailer makes the root of a monitor. `exec` is the file name of Firecracker. */
export function jailRoot(basePath: string, exec: string, sandbox: SandboxId): string {
  return `${basePath}/${exec}/${monitorId(sandbox)}/root`;
}

/** Below which control group the jailer makes one for each machine. */
export const jailCgroup = 'sovereign-firecracker';

/**
 * The argv of Firecracker. Its seccomp filters are on by default, and no option here turns them off.
 */
export function monitorArguments(firecrackerPath: string, sandbox: SandboxId): readonly string[] {
  return [firecrackerPath, '--id', monitorId(sandbox), ...apiArguments];
}

/** The argv of the jailer, which becomes Firecracker: it drops root, changes its root and executes. */
export function jailerArguments(
  firecrackerPath: string,
  sandbox: SandboxId,
  jail: JailSpec,
  shape: MachineShape,
): readonly string[] {
  const { jailerPath, basePath, uid, cgroupVersion } = jail;
  return [
    jailerPath,
    ...['--id', monitorId(sandbox)],
    ...['--exec-file', firecrackerPath],
    ...['--uid', String(uid), '--gid', String(uid)],
    ...['--chroot-base-dir', basePath],
    ...['--cgroup-version', String(cgroupVersion), '--parent-cgroup', jailCgroup],
    ...cgroupLimits(cgroupVersion, shape).flatMap((limit) => ['--cgroup', limit]),
    '--',
    ...apiArguments,
  ];
}

const apiArguments: readonly string[] = ['--api-sock', machineFiles.apiSocket];

/** Beyond the guest's memory: the monitor itself, and what the kernel keeps for its disk. */
const overheadMib = 128;
/** Threads: one for each processor, one for the API, one for the devices, and some to spare. */
const sparePids = 16;
const periodUs = 100_000;

/** What the monitor may use on the host, whatever its guest makes it do. */
function cgroupLimits(version: 1 | 2, { memoryMib, cpus }: MachineShape): readonly string[] {
  const memoryBytes = (memoryMib + overheadMib) * 1024 * 1024;
  const quotaUs = (cpus + 1) * periodUs;
  const pids = cpus + sparePids;
  return version === 2
    ? [`memory.max=${memoryBytes}`, `cpu.max=${quotaUs} ${periodUs}`, `pids.max=${pids}`]
    : [`memory.limit_in_bytes=${memoryBytes}`, `cpu.cfs_quota_us=${quotaUs}`, `pids.max=${pids}`];
}
