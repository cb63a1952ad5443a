import { bootId, type ProcessIdentity } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { checkSocketPath } from '../transport/unix-socket.ts';
import type { LaunchHelper } from './launch-helper.ts';

/** A host path put under a name in the staging directory of a launch. */
export interface StagedPath {
  readonly source: string;
  /** No slash, no `=`. Reachable for the launcher as `stagedPath(name)`. */
  readonly name: string;
}

/** An overlay: `lower` are staged names, or paths below them, topmost first; 128 at most. */
export interface StagedOverlay {
  readonly name: string;
  readonly lower: readonly string[];
  /** A staged name, with `upper` and `work` in it. */
  readonly layer: string;
}

/** What `shelld launch` is asked to do before it hands over to the launcher. */
export interface LaunchRequest {
  /** Unix socket on which the guest's shelld will answer. */
  readonly socketPath: string;
  /** File for what the launcher and shelld print. */
  readonly consolePath: string;
  /** Directories of control groups to join. */
  readonly cgroups: readonly string[];
  /** Neither user nor mount namespace is made: the launched shelld confines itself. Default false. */
  readonly isBare?: boolean;
  /** First host id of the 65,536 that the guest gets; undefined when the caller is not root. */
  readonly idBase?: number;
  /** Staged so that the owner of the directory is root inside. */
  readonly workspace?: StagedPath;
  /** Paths in the workspace, staged if they exist, to be bound read-only over themselves. `source` is relative. */
  readonly shields: readonly StagedPath[];
  /** The same, to be bound over themselves as they are, so that nobody inside can move or replace them. */
  readonly pins: readonly StagedPath[];
  /** Staged so that what root owns on disk is root's inside: for directories of ours. */
  readonly shifted: readonly StagedPath[];
  /** Staged as they are: inside they belong to nobody, so that what only the host's root may read stays unread. */
  readonly plain: readonly StagedPath[];
  /** Directories of the host that are covered with empty ones, for a guest that keeps the host's root. Default: none. */
  readonly masks?: readonly string[];
  /** Staged things that are bound to paths after that. Default: none. */
  readonly places?: readonly {
    readonly name: string;
    readonly target: string;
    readonly isReadOnly: boolean;
  }[];
  /** Overlays, at most 4. Default: none. */
  readonly overlays?: readonly StagedOverlay[];
  /** The program that brings the guest up, as argv, and whether it reports the guest's pid on descriptor 4. */
  readonly launcher: readonly string[];
  readonly hasStatusFd: boolean;
  readonly timeoutMs: number;
}

/** A guest that is up, or about to be: its socket accepts connections already. */
export interface LaunchedGuest {
  readonly identity: ProcessIdentity;
  /** How ownership of the workspace was arranged: by an idmapped mount, by being root's owner inside, or not at all. */
  readonly workspaceOwnership: 'mapped' | 'owner' | 'plain';
}

/** Where things are staged: a directory of the host that every distribution has and that any user may traverse. */
const stageDirectory = '/mnt';

/** `shelld launch` ends a launcher that hangs by itself; only then is it ended too. */
const graceMs = 2_000;

/** Path of a staged thing, as the launcher sees it. */
export function stagedPath(name: string): string {
  return `${stageDirectory}/${name}`;
}

/**
 * Brings a guest up through the helper. Returns as soon as the launcher has made the guest's first process.
 *
 * @throws SovereignError `launcher.failed` with what the launcher printed, `socket.path-too-long`.
 */
export async function launchGuest(
  helper: LaunchHelper,
  shelldPath: string,
  request: LaunchRequest,
): Promise<LaunchedGuest> {
  checkSocketPath(request.socketPath);
  const argv = [shelldPath, 'launch', '--stage', stageDirectory];
  argv.push('--listen', request.socketPath, '--console', request.consolePath);
  for (const cgroup of request.cgroups) argv.push('--cgroup', cgroup);
  if (request.isBare === true) argv.push('--bare');
  if (request.idBase !== undefined) argv.push('--id-base', String(request.idBase));
  if (request.workspace !== undefined) argv.push('--workspace', staged(request.workspace));
  for (const item of request.shields) argv.push('--shield', staged(item));
  for (const item of request.pins) argv.push('--pin', staged(item));
  for (const item of request.plain) argv.push('--plain', staged(item));
  for (const item of request.shifted) argv.push('--shifted', staged(item));
  for (const mask of request.masks ?? []) argv.push('--mask', mask);
  for (const { name, target, isReadOnly } of request.places ?? []) {
    argv.push(isReadOnly ? '--place-read-only' : '--place', `${name}=${target}`);
  }
  for (const { name, lower, layer } of request.overlays ?? []) {
    argv.push('--overlay', `${name}=${lower.join(':')}@${layer}`);
  }
  if (request.hasStatusFd) argv.push('--status-from-launcher');
  argv.push('--timeout-ms', String(request.timeoutMs));
  argv.push('--', ...request.launcher);

  const result = await helper.run(argv, { timeoutMs: request.timeoutMs + graceMs });
  const launched = result.exitCode === 0 ? parseStatus(result.stdout) : undefined;
  if (launched !== undefined) return launched;
  const said = firstLines(result.stderr !== '' ? result.stderr : result.stdout);
  throw new SovereignError({
    reason: 'launcher.failed',
    message: `The launcher failed with exit code ${result.exitCode}: ${said}`,
    hint: 'Run `sovereign doctor` to see what this host lacks.',
    context: { exitCode: result.exitCode },
  });
}

function staged(item: StagedPath): string {
  return `${item.source}=${item.name}`;
}

function parseStatus(text: string): LaunchedGuest | undefined {
  const match = /^\{"pid":(\d{1,10}),"start":(\d{1,20}),"workspace":"(mapped|owner|plain)"\}$/m.exec(text);
  if (match === null) return undefined;
  const [, pid, start, ownership] = match;
  if (ownership !== 'mapped' && ownership !== 'owner' && ownership !== 'plain') return undefined;
  return {
    identity: { pid: Number(pid), startTicks: Number(start), bootId: bootId() },
    workspaceOwnership: ownership,
  };
}

/** Console text for an error message: a few lines, without control characters. */
export function firstLines(text: string): string {
  const lines = text.split('\n').map((line) => line.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').trim());
  const kept = lines.filter((line) => line !== '').slice(0, 5);
  return kept.length === 0 ? '(it printed nothing)' : kept.join(' | ').slice(0, 1000);
}
