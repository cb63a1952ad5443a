import { formatPaxRecord } from './pax-records.ts';
import { paddingOf, tarBlockBytes, type TarEntry, type TarType } from './tar-entry.ts';

const typeFlags: Readonly<Record<TarType, string>> = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
};

const largestOctal8 = 0o7777777;
const largestOctal12 = 0o77777777777;

/** Two empty blocks. */
export const tarEnd: Buffer = Buffer.alloc(2 * tarBlockBytes);

/** Data that goes before that of a sparse file: its map, in form 1.0 of GNU pax. */
export function sparsePreamble(entry: TarEntry): Buffer {
  if (entry.sparse === undefined) return Buffer.alloc(0);
  const { segments } = entry.sparse;
  const numbers = [segments.length, ...segments.flatMap(({ offset, length }) => [offset, length])];
  const map = Buffer.from(`${numbers.join('\n')}\n`, 'latin1');
  return Buffer.concat([map, Buffer.alloc(paddingOf(map.byteLength))]);
}

/**
 * The header of an entry, in pax format where ustar cannot say it. Everything in it is written anew from parsed values:
 * what a reader makes of the archive does not depend on how the original was spelt.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const preamble = sparsePreamble(entry);
  const size = entry.type === 'file' ? entry.size + preamble.byteLength : 0;
  const records: Buffer[] = [];
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  if (entry.sparse !== undefined) {
    records.push(
      formatPaxRecord('GNU.sparse.major', '1'),
      formatPaxRecord('GNU.sparse.minor', '0'),
      formatPaxRecord('GNU.sparse.name', name),
      formatPaxRecord('GNU.sparse.realsize', String(entry.sparse.realSize)),
    );
  }
  if (name.length > 100) records.push(formatPaxRecord('path', name));
  if (entry.linkName.length > 100) records.push(formatPaxRecord('linkpath', entry.linkName));
  if (size > largestOctal12) records.push(formatPaxRecord('size', String(size)));
  if (entry.uid > largestOctal8) records.push(formatPaxRecord('uid', String(entry.uid)));
  if (entry.gid > largestOctal8) records.push(formatPaxRecord('gid', String(entry.gid)));
  if (!Number.isInteger(entry.mtime) || entry.mtime > largestOctal12)
    records.push(formatPaxRecord('mtime', String(entry.mtime)));
  for (const [key, value] of entry.xattrs) records.push(formatPaxRecord(`SCHILY.xattr.${key}`, value));
  const own = block({ ...entry, name, size }, typeFlags[entry.type]);
  if (records.length === 0) return own;
  const extended = Buffer.concat(records);
  const extension = block(
    { ...entry, name: 'pax', linkName: '', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: extended.byteLength },
    'x',
  );
  return Buffer.concat([extension, extended, Buffer.alloc(paddingOf(extended.byteLength)), own]);
}

function block(
  entry: Pick<TarEntry, 'name' | 'linkName' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'device'>,
  flag: string,
): Buffer {
  const bytes = Buffer.alloc(tarBlockBytes);
  bytes.write(entry.name.slice(0, 100), 0, 'latin1');
  octal(bytes, 100, 8, entry.mode);
  octal(bytes, 108, 8, Math.min(entry.uid, largestOctal8));
  octal(bytes, 116, 8, Math.min(entry.gid, largestOctal8));
  octal(bytes, 124, 12, Math.min(entry.size, largestOctal12));
  octal(bytes, 136, 12, Math.min(Math.floor(entry.mtime), largestOctal12));
  bytes.write(flag, 156, 'latin1');
  bytes.write(entry.linkName.slice(0, 100), 157, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  octal(bytes, 329, 8, entry.device.major);
  octal(bytes, 337, 8, entry.device.minor);
  bytes.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

function octal(bytes: Buffer, at: number, length: number, value: number): void {
  bytes.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
}

/** A plain file, for archives that we write. */
export function fileEntry(name: string, size: number, mtime = 0): TarEntry {
  return { ...blankEntry, name, type: 'file', mode: 0o644, size, mtime };
}

export const blankEntry: TarEntry = {
  name: '',
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  size: 0,
  linkName: '',
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
  sparse: undefined,
};
