import { posix } from 'node:path';
import type { WorkspaceSpec } from '@sovereign/core';
import type { MountEntry } from './bubblewrap.ts';
import { stagedPath, type StagedPath } from './launch-guest.ts';

/**
 * Files of a project that run later on the host: a guest may not change those that exist when it comes up, unless
 * they are granted. What it makes itself is its own, and the reader's to review.
 */
export const shieldedPaths = [
  '.git/hooks',
  '.git/config',
  '.vscode',
  '.idea',
  '.claude',
  '.cursor',
  '.mcp.json',
  '.envrc',
] as const;

/** How a workspace is staged on the host, and mounted inside. */
export interface WorkspaceMounts {
  readonly workspace?: StagedPath;
  readonly shields: readonly StagedPath[];
  /** Directories that hold shielded paths: as mount points they cannot be moved away with what is shielded in them. */
  readonly pins: readonly StagedPath[];
  readonly mounts: readonly MountEntry[];
}

/** The mounts of a workspace at `target`; none without one. */
export function workspaceMounts(workspace: WorkspaceSpec | undefined, target: string): WorkspaceMounts {
  if (workspace === undefined) return { shields: [], pins: [], mounts: [] };
  const isReadOnly = workspace.isReadOnly === true;
  const granted = new Set<string>(workspace.granted);
  const shields = shieldedPaths
    .filter((path) => !isReadOnly && !granted.has(path))
    .map((source, index) => ({ source, name: `shield${index}` }));
  const holders = shields.map(({ source }) => posix.dirname(source)).filter((path) => path !== '.');
  const pins = [...new Set(holders)].map((source, index) => ({ source, name: `pin${index}` }));
  return {
    workspace: { source: workspace.hostPath, name: 'workspace' },
    shields,
    pins,
    mounts: [
      { kind: isReadOnly ? 'readOnly' : 'bind', source: stagedPath('workspace'), target },
      ...pins.map(({ source, name }): MountEntry => ({
        kind: 'bindIfPresent',
        source: stagedPath(name),
        target: `${target}/${source}`,
      })),
      ...shields.map(({ source, name }): MountEntry => ({
        kind: 'readOnlyIfPresent',
        source: stagedPath(name),
        target: `${target}/${source}`,
      })),
    ],
  };
}
