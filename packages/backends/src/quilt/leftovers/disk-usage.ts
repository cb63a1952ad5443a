import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Enough for any sandbox; of a larger one it is said what was counted so far. */
const maxEntries = 200_000;

/** Bytes on the disk of a file or of all that is below a directory. No link is followed. */
export function diskUsage(path: string): number {
  let bytes = 0;
  const todo = [path];
  for (let seen = 0; seen < maxEntries; seen++) {
    const next = todo.pop();
    if (next === undefined) break;
    const info = lstatSync(next, { throwIfNoEntry: false });
    if (info === undefined) continue;
    bytes += info.blocks * 512;
    if (info.isDirectory()) todo.push(...entriesOf(next));
  }
  return bytes;
}

/** Without root some directories of a guest's users cannot be read. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
