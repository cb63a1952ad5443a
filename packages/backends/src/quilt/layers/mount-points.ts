import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeRecord, SandboxSpec } from '@sovereign/core';
import { guestPaths } from '@sovereign/guest';
import { directoriesAbove } from '../directories-above.ts';
import type { EngineHost } from '../engine-host.ts';
import { attachedVolumes } from '../volumes/attached-volumes.ts';

/** Covered by a mount from the first moment of every guest: what the launcher made below is nothing that a guest did. */
const covered = ['/proc', '/dev', '/run', guestPaths.hosts] as const;

export function isCovered(path: string): boolean {
  return covered.some((one) => one === path);
}

/** Directories that the launcher and we have made for something to be mounted on, with those above them. */
export function mountPointsOf(host: EngineHost, spec: SandboxSpec): ReadonlySet<string> {
  const points: string[] = [...covered, '/sys', host.workspacePath(spec.id)];
  for (const { guestPath } of attachedVolumes(host.state, spec.id)) points.push(guestPath);
  return new Set(points.flatMap((point) => [...directoriesAbove(point), point]));
}

/**
 * Those of its layer in which nothing else was changed.
 *
 * @param changes everything that the layer changes, a directory before what is in it
 */
export async function bareMountPoints(
  host: EngineHost,
  spec: SandboxSpec,
  changes: AsyncIterable<ChangeRecord>,
): Promise<readonly string[]> {
  const upper = join(host.state.layerPath(spec.id), 'upper');
  const bare = covered.filter((path) => isInLayer(upper, path));
  const hasMore = spec.workspace !== undefined || attachedVolumes(host.state, spec.id).length > 0;
  // Walking takes a while, and somebody waits for the sandbox to go on.
  if (!hasMore && !bare.includes(guestPaths.hosts)) return bare;
  return [...bare, ...(await bareOf(mountPointsOf(host, spec), changes))];
}

async function bareOf(
  points: ReadonlySet<string>,
  changes: AsyncIterable<ChangeRecord>,
): Promise<ReadonlySet<string>> {
  const bare = new Set<string>();
  for await (const { kind, path } of changes) {
    if (isCovered(path)) continue;
    if (kind === 'added' && points.has(path)) bare.add(path);
    else for (const directory of directoriesAbove(path)) bare.delete(directory);
  }
  return bare;
}

/** SAFETY: the layer is hostile, so no link in it is followed; a guest that would replace one meanwhile stands still. */
function isInLayer(upper: string, path: string): boolean {
  const isDirectory = (directory: string): boolean => infoOf(join(upper, directory))?.isDirectory() === true;
  return directoriesAbove(path).every(isDirectory) && infoOf(join(upper, path)) !== undefined;
}

/** Undefined also where a guest's own root let nobody look: what is packed then is one directory more. */
function infoOf(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
