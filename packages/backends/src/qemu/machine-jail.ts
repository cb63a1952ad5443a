import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxSpec } from '@sovereign/core';
import {
  bubblewrapArguments,
  stagedPath,
  workspaceMounts,
  type LaunchRequest,
  type MountEntry,
  type StagedPath,
} from '@sovereign/guest';
import { jailPaths } from './machine-paths.ts';

/** Directories of the root that are links into `/usr` on a merged host, and directories of their own elsewhere. */
const usrSiblings = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'] as const;

/** How long bringing the monitor up may take: far above its 20 ms, for a host that swaps. */
const launchTimeoutMs = 20_000;

/** First host id that monitors are mapped to, and how many ranges of 65,536 there are above it. */
const firstIdBase = 0x4000_0000;
const idRanges = 0x3000;

export interface MachineJail {
  readonly bubblewrapPath: string;
  readonly shelldPath: string;
  readonly spec: SandboxSpec;
  /** Host directories: of all artifacts; of this machine's disk; of its port sockets; of its snapshot, if it is resumed. */
  readonly artifactsPath: string;
  readonly machinePath: string;
  readonly portsPath: string;
  readonly snapshotPath?: string;
  readonly monitorSocketPath: string;
  readonly consolePath: string;
  readonly monitor: readonly string[];
}

/**
 * The launch of a machine monitor in a jail of its own: user, mount, pid, network and ipc namespaces, as a user that owns
 * nothing on the host. It sees the host's `/usr`, the artifacts (read-only), its disk, its sockets and the workspace.
 *
 * SAFETY: a guest that breaks out of QEMU is root of a user namespace that owns nothing, in a root where none of the
 * host's files are but these; paths that run later on the host are read-only in the workspace by mounts that the monitor
 * cannot undo. tests/microvm/jail.test.ts holds it.
 */
export function jailedLaunch(jail: MachineJail): LaunchRequest {
  const { spec } = jail;
  const workspace = workspaceMounts(spec.workspace, jailPaths.workspace);
  const shifted: StagedPath[] = [
    { source: jail.shelldPath, name: 'shelld' },
    { source: jail.artifactsPath, name: 'artifacts' },
    { source: jail.machinePath, name: 'machine' },
    { source: jail.portsPath, name: 'ports' },
    ...(jail.snapshotPath === undefined ? [] : [{ source: jail.snapshotPath, name: 'snapshot' }]),
  ];
  const mounts: MountEntry[] = [
    ...systemMounts(),
    { kind: 'proc', target: '/proc' },
    { kind: 'dev', target: '/dev' },
    { kind: 'deviceIfPresent', source: '/dev/kvm', target: '/dev/kvm' },
    { kind: 'tmpfs', target: '/tmp', mode: 0o700 },
    { kind: 'readOnly', source: stagedPath('shelld'), target: jailPaths.shelld },
    { kind: 'readOnly', source: stagedPath('artifacts'), target: jailPaths.artifacts },
    { kind: 'bind', source: stagedPath('machine'), target: jailPaths.machine },
    { kind: 'bind', source: stagedPath('ports'), target: jailPaths.ports },
    ...(jail.snapshotPath === undefined
      ? []
      : [{ kind: 'bind' as const, source: stagedPath('snapshot'), target: jailPaths.snapshot }]),
    ...(spec.workspace === undefined
      ? [{ kind: 'directory' as const, target: jailPaths.workspace }]
      : workspace.mounts),
  ];
  return {
    socketPath: jail.monitorSocketPath,
    consolePath: jail.consolePath,
    cgroups: [],
    ...(process.geteuid?.() === 0 ? { idBase: idBaseOf(spec.id) } : {}),
    ...(workspace.workspace === undefined ? {} : { workspace: workspace.workspace }),
    shields: workspace.shields,
    pins: workspace.pins,
    shifted,
    plain: [],
    launcher: bubblewrapArguments({
      path: jail.bubblewrapPath,
      mounts,
      hostName: 'machine',
      hasHostNetwork: false,
      // What a 9p share needs to keep owners and modes; in a user namespace that owns nothing on the host.
      capabilities: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_MKNOD'],
      command: [jailPaths.shelld, 'console', ...jail.monitor],
    }),
    hasStatusFd: true,
    timeoutMs: launchTimeoutMs,
  };
}

function systemMounts(): MountEntry[] {
  const mounts: MountEntry[] = [{ kind: 'readOnly', source: '/usr', target: '/usr' }];
  for (const name of usrSiblings) {
    const path = `/${name}`;
    const info = lstatSync(path, { throwIfNoEntry: false });
    if (info?.isSymbolicLink() === true)
      mounts.push({ kind: 'symlink', points: readlinkSync(path), target: path });
    else if (info !== undefined) mounts.push({ kind: 'readOnly', source: path, target: path });
  }
  for (const path of ['/nix/store', '/etc/ld.so.cache'])
    if (existsSync(path)) mounts.push({ kind: 'readOnly', source: path, target: path });
  return mounts;
}

/** The range of host ids of one machine, from its random id. */
function idBaseOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return firstIdBase + (hash % idRanges) * 0x1_0000;
}

/** Path of a port's socket on the host. */
export function portPath(portsPath: string, index: number): string {
  return join(portsPath, String(index));
}
