import { lstatSync, type BigIntStats } from 'node:fs';
import { join, posix } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxSpec } from '@sovereign/core';
import { shieldedPaths, workspaceTarget } from '@sovereign/guest';

/** One mount of a container, in the words of the engine's API. */
export interface EngineMount {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: { readonly Propagation: 'rprivate'; readonly NonRecursive?: boolean };
  readonly VolumeOptions?: { readonly NoCopy: boolean };
}

/** A mount that is to be this very file: the engine resolves names itself, and a name can change hands meanwhile. */
export interface MountCheck {
  readonly device: bigint;
  readonly inode: bigint;
  readonly target: string;
}

/** A bind of a path of the host. Without what is mounted below it when read-only: engines make only the top so. */
export function bind(source: string, target: string, isReadOnly: boolean): EngineMount {
  const options = { Propagation: 'rprivate', ...(isReadOnly && { NonRecursive: true }) } as const;
  return { Type: 'bind', Source: source, Target: target, ReadOnly: isReadOnly, BindOptions: options };
}

/**
 * The workspace, and over it what must not be changed in it: the same shields as on quilt. A link is no shield and is left
 * alone: a project can lay links where shields go, to have files of the host mounted.
 *
 * @throws SovereignError `workspace.refused` when the workspace is not there
 */
export function workspaceBinds(spec: SandboxSpec): readonly EngineMount[] {
  const { workspace } = spec;
  if (workspace === undefined) return [];
  const target = workspaceTarget(spec);
  if (look(workspace.hostPath)?.isDirectory() !== true) throw workspaceMissing(workspace.hostPath);
  const isReadOnly = workspace.isReadOnly === true;
  const mounts = [bind(workspace.hostPath, target, isReadOnly)];
  if (isReadOnly) return mounts;
  const granted = new Set<string>(workspace.granted);
  const shields = shieldedPaths.filter((path) => !granted.has(path));
  const holders = new Set(shields.map((path) => posix.dirname(path)).filter((path) => path !== '.'));
  const add = (path: string, isShield: boolean): void => {
    const found = lookWithin(workspace.hostPath, path);
    if (found === undefined || !(found.isDirectory() || (isShield && found.isFile()))) return;
    mounts.push(bind(join(workspace.hostPath, path), `${target}/${path}`, isShield));
  };
  // As mount points, directories that hold shielded paths cannot be moved away with them.
  for (const path of holders) add(path, false);
  for (const path of shields) add(path, true);
  return mounts;
}

/**
 * What the mounts of a workspace are to be when the container starts, for shelld to compare before it serves.
 *
 * SAFETY: an engine resolves names itself, when it starts a container, and whoever can write in the workspace may put a
 * link to anything of the host in the place of a mount after it was looked at. What is a link by now is refused here, what
 * becomes one later is another file than shelld was told. Held by tests/docker (`a shield that turns into a link`).
 *
 * @param targets where the container has mounts, as it was made
 * @throws SovereignError `workspace.refused`
 */
export function mountChecks(spec: SandboxSpec, targets: readonly string[]): readonly MountCheck[] {
  const { workspace } = spec;
  if (workspace === undefined) return [];
  const root = workspaceTarget(spec);
  return targets
    .filter((target) => target === root || target.startsWith(`${root}/`))
    .map((target) => {
      const path = target.slice(root.length + 1);
      const found = path === '' ? look(workspace.hostPath) : lookWithin(workspace.hostPath, path);
      if (found === undefined || found.isSymbolicLink()) throw mountChanged(workspace.hostPath, path);
      return { device: found.dev, inode: found.ino, target };
    });
}

/** A file below a directory, when no component of its path is a link. */
function lookWithin(root: string, path: string): BigIntStats | undefined {
  let at = root;
  let found: BigIntStats | undefined;
  for (const name of path.split('/')) {
    at = join(at, name);
    found = look(at);
    if (found === undefined || found.isSymbolicLink()) return undefined;
  }
  return found;
}

function look(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // `.git` of a worktree is a file.
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function workspaceMissing(path: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `The workspace is no directory: ${path} (an existing directory expected).`,
    hint: 'Make it, or name another.',
    context: { path },
  });
}

function mountChanged(hostPath: string, path: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `What is mounted into the sandbox has gone or become a link since it was made: ${join(hostPath, path)}.`,
    hint: 'Put it back, or make a new sandbox.',
    context: { path: join(hostPath, path) },
  });
}
