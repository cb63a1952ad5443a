import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import type { SandboxSpec } from '@sovereign/core';
import {
  bubblewrapArguments,
  hostExpectations,
  guestPaths,
  prepareHostRoot,
  stagedPath,
  workspaceMounts,
  type LaunchRequest,
  type MountEntry,
  type StagedPath,
  type WorkspaceMounts,
} from '@sovereign/guest';
import type { ProcessLaunch } from './process-launch.ts';

/** Who commands run as inside: nobody's root, with a home of its own. On the host it is an id that owns nothing. */
const agentUser = { uid: 1000, gid: 1000 } as const;
export const agentHome = '/home/agent';

/** First host id of guests on the process tier; one range for all, each in namespaces of its own. */
const idBase = 0x3f00_0000;

/** Bubblewrap makes the namespaces and a root of an allow-list; shelld adds Landlock and seccomp inside. */
export function bubblewrapRequest(launch: ProcessLaunch, bubblewrap: string): LaunchRequest {
  const { spec } = launch;
  const hasHostNetwork = spec.network === 'host';
  const workspace = workspaceMounts(spec.workspace, workspacePathOf(spec));
  const { shifted, plain, mounts } = root(launch, workspace);
  return {
    socketPath: launch.socketPath,
    consolePath: launch.consolePath,
    cgroups: [],
    ...(process.geteuid?.() === 0 ? { idBase } : {}),
    ...(workspace.workspace === undefined ? {} : { workspace: workspace.workspace }),
    shields: workspace.shields,
    pins: workspace.pins,
    shifted,
    plain,
    launcher: bubblewrapArguments({
      path: bubblewrap,
      mounts,
      user: agentUser,
      hostName: 'sovereign',
      hasHostNetwork,
      capabilities: [],
      command: [
        guestPaths.shelld,
        'serve',
        ...['--listen-fd', '3', '--exit-on-disconnect', '--accept-timeout-ms', '20000'],
        ...fileRoots(spec).flatMap((path) => ['--root', path]),
        ...['--hosts', guestPaths.hosts],
        ...['--landlock-read', '/'],
        ...writablePaths(spec).flatMap((path) => ['--landlock-write', path]),
        ...['--keep-capability', 'none', '--seccomp'],
        ...['--outer-root', String(process.geteuid?.() === 0 ? idBase : (process.geteuid?.() ?? 0))],
        ...hostExpectations({ hasHostNetwork }),
      ],
    }),
    hasStatusFd: true,
    timeoutMs: launch.timeoutMs,
  };
}

function root(
  launch: ProcessLaunch,
  workspace: WorkspaceMounts,
): { shifted: StagedPath[]; plain: StagedPath[]; mounts: MountEntry[] } {
  const host = prepareHostRoot(launch.imageDirectory);
  const shifted: StagedPath[] = [
    { source: `${host.path}/etc`, name: 'etc' },
    { source: launch.shelldPath, name: 'shelld' },
  ];
  const plain: StagedPath[] = [];
  const mounts: MountEntry[] = [];
  for (const [index, mount] of host.mounts.entries()) {
    plain.push({ source: mount.source, name: `system${index}` });
    mounts.push({ ...mount, source: stagedPath(`system${index}`) });
  }
  for (const name of ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    if (existsSync(name) && lstatSync(name).isSymbolicLink()) {
      mounts.push({ kind: 'symlink', points: readlinkSync(name), target: name });
    }
  }
  mounts.push(
    { kind: 'readOnly', source: stagedPath('etc'), target: '/etc' },
    { kind: 'ownFile', target: guestPaths.hosts },
    { kind: 'proc', target: '/proc' },
    { kind: 'dev', target: '/dev' },
    { kind: 'tmpfs', target: '/dev/shm', mode: 0o1777 },
    { kind: 'tmpfs', target: '/tmp', mode: 0o1777 },
    { kind: 'tmpfs', target: '/var/tmp', mode: 0o1777 },
    { kind: 'tmpfs', target: agentHome, mode: 0o700 },
    { kind: 'readOnly', source: stagedPath('shelld'), target: guestPaths.shelld },
  );
  if (launch.pythonPath !== undefined) {
    shifted.push({ source: launch.pythonPath, name: 'python' });
    mounts.push({ kind: 'readOnly', source: stagedPath('python'), target: guestPaths.python });
  }
  if (launch.virtualEnvPath !== undefined) {
    shifted.push({ source: launch.virtualEnvPath, name: 'venv' });
    mounts.push({ kind: 'readOnly', source: stagedPath('venv'), target: guestPaths.virtualEnv });
  }
  mounts.push(...workspace.mounts);
  mounts.push({ kind: 'seal', target: '/' });
  return { shifted, plain, mounts };
}

/** Where the workspace is inside: at its own path, so that what is written down there is true on both sides. */
export function workspacePathOf(spec: SandboxSpec): string {
  return spec.workspace === undefined ? '/tmp' : (spec.workspace.guestPath ?? spec.workspace.hostPath);
}

/** Roots of file operations: the workspace, and the private temporary directory. */
export function fileRoots(spec: SandboxSpec): string[] {
  return [...new Set([workspacePathOf(spec), '/tmp'])];
}

function writablePaths(spec: SandboxSpec): string[] {
  const workspace = spec.workspace?.isReadOnly === true ? [] : [workspacePathOf(spec)];
  return [...new Set([...workspace, '/tmp', '/var/tmp', agentHome, '/dev', '/proc'])];
}
