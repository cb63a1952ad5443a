import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isOwnedAlive, isOwnedName } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { diskUsage } from './disk-usage.ts';
import type { FoundLeftover } from './found-leftover.ts';

/** What processes that are gone have begun and not finished: it carries their name (`ownedName`). */
export function* ownedLeftovers(host: EngineHost): Iterable<FoundLeftover> {
  const rooms: readonly (readonly [string, string])[] = [
    [host.directory, 'file'],
    [join(host.directory, 'sandboxes'), 'layer'],
    [join(host.directory, 'volumes'), 'volume'],
    [join(host.directory, 'networks'), 'network'],
    [join(host.directory, 'names'), 'file'],
    [join(host.directory, 'steps'), 'step'],
    [host.scratch.imageDirectory, 'layer'],
    [host.runtimeDirectory, 'socket'],
    ...host.state.ids().map((id) => [host.state.directory(id), 'file'] as const),
  ];
  for (const [directory, kind] of rooms) {
    for (const name of namesIn(directory)) {
      if (!isOwnedName(name) || isOwnedAlive(name)) continue;
      const path = join(directory, name);
      yield {
        kind,
        id: path,
        why: 'the process that was making or deleting it has ended',
        bytes: diskUsage(path),
        remove: () => removeTree(host, path),
      };
    }
  }
}

export function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** Deletes a directory that may hold files of a guest's users. */
export async function removeTree(host: EngineHost, path: string): Promise<void> {
  // A scratch guest whose maker was killed may be coming up in it for a moment longer.
  const options = { recursive: true, force: true, maxRetries: 8, retryDelay: 50 } as const;
  try {
    await rm(path, options);
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await host.emptyAsGuest(path);
    await rm(path, options);
  }
}
