import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A file, directory or link, and whose it is on the host. */
export interface OwnedFile {
  readonly path: string;
  readonly uid: number;
}

/** Everything below a directory, in no order. */
export async function filesBelow(directory: string): Promise<readonly OwnedFile[]> {
  const found: OwnedFile[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    found.push({ path, uid: (await lstat(path)).uid });
    if (entry.isDirectory()) found.push(...(await filesBelow(path)));
  }
  return found;
}
