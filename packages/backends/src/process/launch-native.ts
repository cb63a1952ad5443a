import { existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxSpec } from '@sovereign/core';
import {
  etcAllowList,
  hostExpectations,
  stagedPath,
  workspaceMounts,
  type LaunchRequest,
  type MountEntry,
  type StagedPath,
} from '@sovereign/guest';
import { workspacePathOf } from './launch-bubblewrap.ts';
import type { ProcessLaunch } from './process-launch.ts';

/** Host paths that programs need to run at all; the rest of the host is closed to Landlock. */
const systemPaths = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/nix/store',
  '/proc',
  '/sys/devices/system/cpu',
];

/** Devices that programs may use, by path, because the host's whole /dev is in sight. */
const devices = [
  'null',
  'zero',
  'full',
  'random',
  'urandom',
  'tty',
  'ptmx',
  'pts',
  'fd',
  'stdin',
  'stdout',
  'stderr',
];

/** Directories of the host that hold other people's files and sockets: covered with empty ones. */
const masks = ['/root', '/home', '/run', '/tmp', '/var', '/media', '/dev/shm'];

/** Home of commands: one of the covered directories, so that nothing of it outlives the guest. */
const nativeHome = '/home';

/** First host id of these guests when we are root. */
const idBase = 0x3e00_0000;

/**
 * Without bubblewrap: the host's root stays, but what is nobody's business is covered, ids are shifted, shelld makes the
 * other namespaces itself, and Landlock closes what is not named.
 */
export function nativeRequest(launch: ProcessLaunch): LaunchRequest {
  const { spec } = launch;
  checkWorkspaceIsThere(spec);
  const isRoot = process.geteuid?.() === 0;
  const workspace = workspaceMounts(spec.workspace, workspacePathOf(spec));
  const tools: StagedPath[] = [{ source: launch.shelldPath, name: 'shelld' }];
  if (launch.pythonPath !== undefined) tools.push({ source: launch.pythonPath, name: 'python' });
  if (launch.virtualEnvPath !== undefined) tools.push({ source: launch.virtualEnvPath, name: 'venv' });
  return {
    socketPath: launch.socketPath,
    consolePath: launch.consolePath,
    cgroups: [],
    ...(isRoot ? { idBase } : {}),
    ...(workspace.workspace === undefined ? {} : { workspace: workspace.workspace }),
    shields: workspace.shields,
    pins: workspace.pins,
    shifted: tools,
    plain: [],
    masks,
    places: workspace.mounts.flatMap(placementOf),
    launcher: [
      stagedPath('shelld'),
      ...serveArguments(
        spec,
        tools.map(({ name }) => stagedPath(name)),
      ),
      ...['--namespaces', '--uid-map', '1000:0:1'],
      ...(spec.network === 'host' ? ['--keep-network'] : []),
      ...['--outer-root', String(isRoot ? idBase : (process.geteuid?.() ?? 0))],
    ],
    hasStatusFd: false,
    timeoutMs: launch.timeoutMs,
  };
}

/** Where not even a user namespace is to be had: Landlock and seccomp are all there is. */
export function bareRequest(launch: ProcessLaunch): LaunchRequest {
  const { spec, shelldPath, pythonPath, virtualEnvPath } = launch;
  checkWorkspaceIsThere(spec);
  const tools = [shelldPath, pythonPath, virtualEnvPath].filter((path) => path !== undefined);
  for (const path of Object.values(bareDirectories(launch)))
    mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    socketPath: launch.socketPath,
    consolePath: launch.consolePath,
    cgroups: [],
    isBare: true,
    shields: [],
    pins: [],
    shifted: [],
    plain: [],
    launcher: [
      shelldPath,
      ...serveArguments(spec, tools, Object.values(bareDirectories(launch))),
      ...(spec.network === 'host' ? [] : ['--deny-network']),
    ],
    hasStatusFd: false,
    timeoutMs: launch.timeoutMs,
  };
}

/** Private directories of a bare guest, which has no covered ones. */
function bareDirectories(launch: ProcessLaunch): { readonly home: string; readonly temporary: string } {
  return { home: join(launch.directory, 'home'), temporary: join(launch.directory, 'tmp') };
}

/** How shelld is to serve and to confine itself; `tools` are read, the workspace and `directories` written. */
function serveArguments(
  spec: SandboxSpec,
  tools: readonly string[],
  directories: readonly string[] = ['/tmp', nativeHome, '/dev/shm'],
): string[] {
  const isReadOnly = spec.workspace?.isReadOnly === true;
  const workspace = spec.workspace === undefined ? [] : [workspacePathOf(spec)];
  const readable = [...systemPaths, ...etcAllowList.map((name) => `/etc/${name}`)].filter((path) =>
    existsSync(path),
  );
  const writable = [
    ...directories,
    ...devices.map((name) => `/dev/${name}`).filter((path) => existsSync(path)),
  ];
  return [
    'serve',
    ...['--listen-fd', '3', '--exit-on-disconnect', '--accept-timeout-ms', '20000'],
    ...[...workspace, ...directories.slice(0, 2)].flatMap((path) => ['--root', path]),
    ...[...readable, ...tools, ...(isReadOnly ? workspace : [])].flatMap((path) => ['--landlock-read', path]),
    ...[...writable, ...(isReadOnly ? [] : workspace)].flatMap((path) => ['--landlock-write', path]),
    ...['--keep-capability', 'none', '--seccomp'],
    ...hostExpectations({ hasHostNetwork: spec.network === 'host' }),
  ];
}

function placementOf(mount: MountEntry): { name: string; target: string; isReadOnly: boolean }[] {
  if (!('source' in mount)) return [];
  const isReadOnly = mount.kind === 'readOnly' || mount.kind === 'readOnlyIfPresent';
  return [{ name: basename(mount.source), target: mount.target, isReadOnly }];
}

/** Environment of commands in a native guest, or in a bare one. */
export function nativeEnvironment(launch: ProcessLaunch, isBare: boolean): Record<string, string> {
  if (!isBare) return { HOME: nativeHome };
  const { home, temporary } = bareDirectories(launch);
  return { HOME: home, TMPDIR: temporary };
}

function checkWorkspaceIsThere({ workspace }: SandboxSpec): void {
  const info = workspace && statSync(workspace.hostPath, { throwIfNoEntry: false });
  if (workspace !== undefined && info?.isDirectory() !== true) throw workspaceGone(workspace.hostPath);
}

function workspaceGone(path: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `The workspace is not there: ${path} (a directory expected).`,
    hint: 'Make it first, or name another.',
    context: { path },
  });
}
