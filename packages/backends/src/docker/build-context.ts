import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';

/**
 * What a Dockerfile may copy from, as the tar archive that engines take: everything below the context that
 * `.dockerignore` does not leave out, links as links.
 */
export async function buildContext(contextPath: string, dockerfile: string): Promise<Readable> {
  // Loaded by those who build.
  const [{ pack }, { default: dockerignore }] = await Promise.all([
    import('tar-stream'),
    import('@balena/dockerignore'),
  ]);
  const archive = pack();
  const ignored = dockerignore.default({ ignorecase: false }).add(ignoreLines(contextPath));
  // The Dockerfile and .dockerignore go along whatever is left out, as Docker does it: the engine needs them.
  const always = new Set([dockerfile.replace(/^\.\//, ''), '.dockerignore']);
  const isKept = (path: string): boolean => always.has(path) || !ignored.ignores(path);
  addDirectory(archive, contextPath, '', isKept).then(
    () => archive.finalize(),
    (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(archive, { objectMode: false });
}

async function addDirectory(
  archive: Pack,
  root: string,
  below: string,
  isKept: (path: string) => boolean,
): Promise<void> {
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    const info = lstatSync(join(root, path));
    const header = { name: path, mode: info.mode & 0o7777, mtime: info.mtime, uid: 0, gid: 0 };
    // A directory that is left out may hold what an exception brings back.
    if (info.isDirectory()) {
      if (isKept(path)) archive.entry({ ...header, name: `${path}/`, type: 'directory' });
      await addDirectory(archive, root, path, isKept);
    } else if (!isKept(path)) {
      continue;
    } else if (info.isSymbolicLink()) {
      archive.entry({ ...header, type: 'symlink', linkname: readlinkSync(join(root, path)) });
    } else if (info.isFile()) {
      const entry = archive.entry({ ...header, size: info.size });
      if (info.size === 0) entry.end();
      // A file that grows meanwhile is taken as long as it was.
      else await pipeline(createReadStream(join(root, path), { end: info.size - 1 }), entry);
    }
  }
}

function ignoreLines(contextPath: string): string[] {
  try {
    return readFileSync(join(contextPath, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  } catch {
    return [];
  }
}
