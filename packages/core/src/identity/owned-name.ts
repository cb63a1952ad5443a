import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootId, isAlive, processIdentity } from './process-identity.ts';

let count = 0;

/**
 * A name for something temporary that says which process of ours owns it, so that anybody can tell when that process
 * has gone without clearing it away. Unique among all processes of this host.
 */
export function ownedName(prefix: string): string {
  const startTicks = processIdentity(process.pid)?.startTicks ?? 0;
  return `${prefix}.of-${process.pid}-${startTicks}-${count++}`;
}

const ownedPattern = /\.of-(\d{1,10})-(\d{1,20})-\d+$/;

export function isOwnedName(name: string): boolean {
  return ownedPattern.test(name);
}

/** Whether the process that a name of `ownedName` speaks of still lives. */
export function isOwnedAlive(name: string): boolean {
  const match = ownedPattern.exec(name);
  if (match === null) return false;
  return isAlive({ pid: Number(match[1]), startTicks: Number(match[2]), bootId: bootId() });
}

/** Deletes what processes that are gone have left in a directory under names of `ownedName`. */
export function sweepAbandoned(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    if (!isOwnedName(name) || isOwnedAlive(name)) continue;
    try {
      rmSync(join(directory, name), { recursive: true, force: true });
    } catch {
      // Without root, files of a guest's other users stay until `empty-directory` or their owner deletes them.
    }
  }
}
