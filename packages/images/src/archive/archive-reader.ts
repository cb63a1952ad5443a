import { corrupt, quoted, tooLarge } from '../image-errors.ts';
import { decompress } from '../layer/decompress.ts';
import { checkFreeSpace } from '../layer/layer-limits.ts';
import type { LibraryCore } from '../library-core.ts';
import { isDigest, type Digest } from '../reference/digest.ts';
import { ByteReader } from '../tar/byte-reader.ts';
import { TarReader } from '../tar/read-tar.ts';
import { paddingOf, type TarEntry } from '../tar/tar-entry.ts';

/** A file of an archive, which is a blob of the library by now. */
export interface ArchivedFile {
  readonly digest: Digest;
  readonly size: number;
}

/** The files of an archive by their path; links between them are resolved. */
export type ArchiveFiles = ReadonlyMap<string, ArchivedFile>;

/** Docker's archives have three files a layer. */
const maxFiles = 4_096;
const maxNameBytes = 1_024;

/**
 * Takes every file of an archive into the store under the digest that it turns out to have. Nothing is written by its name
 * in the archive: names are keys of a map here.
 *
 * @throws SovereignError `image.corrupt`, also for a file below `blobs/sha256` with another digest than its name
 */
export async function readArchive(
  core: LibraryCore,
  archive: AsyncIterable<Uint8Array>,
): Promise<ArchiveFiles> {
  const reader = new ByteReader(decompress(archive));
  const entries = new TarReader(reader);
  const files = new Map<string, ArchivedFile>();
  const links = new Map<string, string>();
  try {
    for (let count = 0; ; count++) {
      const entry = await entries.next();
      if (entry === undefined) break;
      if (count >= maxFiles) throw tooLarge('an archive has too many files', `${maxFiles}`);
      if (entry.name.length > maxNameBytes) throw corrupt(`an archive has the name ${quoted(entry.name)}`);
      const name = entry.name.replace(/^(\.?\/)+/, '');
      if (entry.type === 'file' && entry.sparse === undefined)
        files.set(name, await takeFile(core, reader, entry, name));
      else if (entry.type === 'file') throw corrupt(`${quoted(name)} of an archive is sparse`);
      else if (entry.type === 'symlink') links.set(name, besideLink(name, entry.linkName));
      else if (entry.type === 'hardLink') links.set(name, entry.linkName.replace(/^(\.?\/)+/, ''));
    }
  } finally {
    await reader.close();
  }
  // Docker's older archives share layers by links.
  for (const [name, target] of links) {
    const file = files.get(target) ?? files.get(links.get(target) ?? '');
    if (file !== undefined && !files.has(name)) files.set(name, file);
  }
  return files;
}

async function takeFile(
  core: LibraryCore,
  reader: ByteReader,
  entry: TarEntry,
  name: string,
): Promise<ArchivedFile> {
  if (entry.size > core.limits.maxLayerBytes)
    throw tooLarge(
      `${quoted(name)} of an archive has ${entry.size} bytes`,
      `${core.limits.maxLayerBytes} bytes`,
    );
  checkFreeSpace(core.paths.root, core.limits.reservedDiskBytes, entry.size);
  const writer = await core.blobs.writer();
  try {
    for (let left = entry.size; left > 0;) {
      const part = await reader.some(left);
      if (part === undefined) throw corrupt(`an archive ends within ${quoted(name)}`);
      await writer.write(part);
      left -= part.byteLength;
    }
    await reader.exactly(paddingOf(entry.size));
    const hex = /^blobs\/sha256\/([^/]+)$/.exec(name)?.[1];
    const stated = hex === undefined ? undefined : `sha256:${hex}`;
    if (stated !== undefined && !isDigest(stated)) throw corrupt(`an archive has the blob ${quoted(name)}`);
    return await writer.commit(stated);
  } finally {
    await writer.abort();
  }
}

/** Where a link of an archive leads, as a key: by text alone. */
function besideLink(name: string, target: string): string {
  const parts = target.startsWith('/') ? [] : name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
