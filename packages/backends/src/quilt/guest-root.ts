import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxSpec } from '@sovereign/core';
import {
  guestPaths,
  prepareHostRoot,
  stagedPath,
  workspaceMounts,
  workspaceTarget,
  type MountEntry,
  type StagedOverlay,
  type StagedPath,
  type WorkspaceMounts,
} from '@sovereign/guest';
import { directoriesAbove } from './directories-above.ts';

/** The root of a quilt guest: what is staged on the host, and what the launcher mounts where. */
export interface GuestRoot {
  readonly shifted: readonly StagedPath[];
  readonly plain: readonly StagedPath[];
  readonly lower: readonly string[];
  /** Overlays beside that of the root. */
  readonly overlays: readonly StagedOverlay[];
  readonly mounts: readonly MountEntry[];
  readonly workspace: WorkspaceMounts;
  /** Made inside, where it is missing, before anything runs there. */
  readonly madeDirectory?: string;
}

/** The lower directories of a guest's root. */
export interface ImageRoot {
  /** Absolute path on the host. */
  readonly source: string;
  /** Names in it, one a layer, topmost first. Default: it is itself the one layer. */
  readonly layers?: readonly string[];
  /** WORKDIR: absolute. Default: none. */
  readonly workingDirectory?: string;
}

/** Where the parts of a guest's root come from. */
export interface GuestRootSources {
  /** Directory of image roots of ours. */
  readonly imageDirectory: string;
  /** Of the image when it is not `host`. */
  readonly imageRoot: ImageRoot | undefined;
  readonly layerPath: string;
  /** Directory with `upper` and `work` for what is written to a reviewed workspace. */
  readonly reviewPath?: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`, when there is one. */
  readonly pythonPath: string | undefined;
}

/** Puts a guest's root together: an overlay at `/`, read-only system directories, kernel file systems, workspace, tools. */
export function guestRoot(spec: SandboxSpec, sources: GuestRootSources): GuestRoot {
  const shifted: StagedPath[] = [
    { source: sources.layerPath, name: 'layer' },
    { source: sources.shelldPath, name: 'shelld' },
  ];
  const plain: StagedPath[] = [];
  const mounts: MountEntry[] = [{ kind: 'bind', source: stagedPath('root'), target: '/' }];
  if (sources.imageRoot === undefined) {
    const host = prepareHostRoot(sources.imageDirectory);
    shifted.push({ source: host.path, name: 'lower' });
    for (const [index, mount] of host.mounts.entries()) {
      plain.push({ source: mount.source, name: `system${index}` });
      mounts.push({ ...mount, source: stagedPath(`system${index}`) });
    }
  } else {
    shifted.push({ source: sources.imageRoot.source, name: 'lower' });
  }
  mounts.push({ kind: 'proc', target: '/proc' }, { kind: 'dev', target: '/dev' });
  mounts.push(...memoryFileSystems(spec.limits.memoryBytes));
  mounts.push({ kind: 'readOnly', source: stagedPath('shelld'), target: guestPaths.shelld });
  if (sources.pythonPath !== undefined) {
    shifted.push({ source: sources.pythonPath, name: 'python' });
    mounts.push({ kind: 'readOnly', source: stagedPath('python'), target: guestPaths.python });
  }
  const { workspace, overlays } = guestWorkspace(spec);
  if (overlays.length > 0) shifted.push({ source: sources.reviewPath ?? sources.layerPath, name: 'review' });
  mounts.push(...wayTo(workspaceTarget(spec)), ...workspace.mounts);
  // One mount for all layers: what a create costs does not grow with their number.
  const lower = sources.imageRoot?.layers?.map((layer) => `lower/${layer}`) ?? ['lower'];
  const madeDirectory = sources.imageRoot?.workingDirectory;
  return {
    ...{ shifted, plain, lower, overlays, mounts, workspace },
    ...(madeDirectory !== undefined && { madeDirectory }),
  };
}

/** bubblewrap makes what is missing on the way to a mount for root alone; those that are there keep their mode. */
function wayTo(target: string): readonly MountEntry[] {
  return directoriesAbove(target).map((path) => ({ kind: 'directory', target: path, mode: 0o755 }));
}

/**
 * The workspace as it is mounted. One that is reviewed is the lower layer of an overlay: nothing in the guest can write
 * to it, so nothing in it needs a shield.
 */
function guestWorkspace(spec: SandboxSpec): Pick<GuestRoot, 'workspace' | 'overlays'> {
  const target = workspaceTarget(spec);
  const plain = workspaceMounts(spec.workspace, target);
  if (spec.workspace?.isReviewed !== true || plain.workspace === undefined)
    return { workspace: plain, overlays: [] };
  const kind = spec.workspace.isReadOnly === true ? 'readOnly' : 'bind';
  return {
    workspace: {
      workspace: plain.workspace,
      shields: [],
      pins: [],
      mounts: [{ kind, source: stagedPath('reviewed'), target }],
    },
    overlays: [{ name: 'reviewed', lower: [plain.workspace.name], layer: 'review' }],
  };
}

/**
 * File systems that live in memory. With a memory limit they hold half and an eighth of it: files count against the limit
 * and nothing reclaims them, so that a guest which filled it with files could not even start the program to delete them.
 */
function memoryFileSystems(memoryBytes: number | undefined): readonly MountEntry[] {
  const part = (divisor: number): { readonly bytes?: number } =>
    memoryBytes === undefined ? {} : { bytes: Math.floor(memoryBytes / divisor) };
  return [
    { kind: 'tmpfs', target: '/dev/shm', mode: 0o1777, ...part(2) },
    { kind: 'tmpfs', target: '/run', mode: 0o755, ...part(8) },
  ];
}

/**
 * Checks the root directory of image kind `rootfs`.
 *
 * @throws SovereignError `image.invalid`
 */
export function checkRootDirectory(path: string): string {
  const shells = ['bin/sh', 'usr/bin/sh', 'bin/busybox', 'usr/bin', 'bin'];
  if (path.startsWith('/') && path !== '/' && shells.some((name) => existsSync(join(path, name))))
    return path;
  throw new SovereignError({
    reason: 'image.invalid',
    message: `This is not a root file system: ${path} (an absolute path to a directory with bin or usr/bin, not /).`,
    hint: 'Use image `host`, or unpack an image there first.',
    context: { path },
  });
}
