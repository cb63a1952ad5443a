import { corrupt, quoted } from '../image-errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { parsePaxRecords, paxNumber, type PaxRecords } from './pax-records.ts';
import { readOldGnuSparse, readPaxSparse } from './sparse-map.ts';
import { paddingOf, type SparseMap, tarBlockBytes, type TarEntry, type TarType } from './tar-entry.ts';
import { isEndBlock, parseHeader, type TarHeader } from './tar-header.ts';

/** Extended headers hold names and attributes; the kernel takes 64 KiB of an attribute. */
const maxExtendedBytes = 1024 * 1024;

const types: Readonly<Record<string, TarType>> = {
  '0': 'file', '\0': 'file', '7': 'file', S: 'file',
  '1': 'hardLink', '2': 'symlink', '3': 'characterDevice', '4': 'blockDevice', '5': 'directory', '6': 'fifo',
}; // prettier-ignore

const xattrPrefix = 'SCHILY.xattr.';

/**
 * Reads the entries of a tar archive: v7, ustar, pax, GNU, with sparse files in all four forms. In JavaScript, so that a
 * hostile archive finds no memory to break. After an entry the caller reads its `size` bytes and their padding.
 */
export class TarReader {
  readonly #reader: ByteReader;

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  /** The next entry; undefined at the end. @throws SovereignError `image.corrupt` */
  async next(): Promise<TarEntry | undefined> {
    let records: PaxRecords = [];
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      const block = this.#reader.atHand(tarBlockBytes) ?? (await this.#reader.exactly(tarBlockBytes));
      // Some writers leave the end blocks out.
      if (block.byteLength === 0 || (block.byteLength === tarBlockBytes && isEndBlock(block)))
        return undefined;
      const header = parseHeader(block);
      switch (header.type) {
        case 'x':
          records = parsePaxRecords(await this.#extended(header));
          break;
        case 'g':
          // What holds for all entries, such as the commit of an archive made by git; no tool puts names or sizes there.
          await this.#extended(header);
          break;
        case 'L':
          longName = untilNul(await this.#extended(header));
          break;
        case 'K':
          longLink = untilNul(await this.#extended(header));
          break;
        default:
          return this.#entry(block, header, records, longName, longLink);
      }
    }
  }

  async #extended(header: TarHeader): Promise<Buffer> {
    if (header.size > maxExtendedBytes) throw corrupt(`an extended tar header has ${header.size} bytes`);
    const bytes = Buffer.from(await this.#reader.exactly(header.size));
    const padding = paddingOf(header.size);
    if (bytes.byteLength !== header.size || (await this.#reader.exactly(padding)).byteLength !== padding)
      throw corrupt('a tar archive ends within an extended header');
    return bytes;
  }

  async #entry(
    block: Buffer,
    header: TarHeader,
    records: PaxRecords,
    longName: string | undefined,
    longLink: string | undefined,
  ): Promise<TarEntry> {
    const pax = new Map(records);
    const text = (key: string): string | undefined => pax.get(key)?.toString('latin1');
    const whole = (key: string, otherwise: number): number => {
      const value = pax.get(key);
      return value === undefined || value.byteLength === 0 ? otherwise : paxNumber(key, value);
    };
    const name = text('GNU.sparse.name') ?? text('path') ?? longName ?? header.name;
    const type = types[header.type];
    if (type === undefined) throw corrupt(`${quoted(name)} is of tar type ${quoted(header.type)}`);
    const isOldDirectory = header.type !== '5' && type === 'file' && name.endsWith('/');
    const size = type === 'file' || type === 'hardLink' ? whole('size', header.size) : 0;
    let sparse: SparseMap | undefined;
    let dataBytes = type === 'file' ? size : 0;
    if (header.type === 'S') {
      sparse = await readOldGnuSparse(Buffer.from(block), this.#reader);
    } else if (type === 'file') {
      const found = await readPaxSparse(records, this.#reader, size);
      sparse = found?.map;
      dataBytes -= found?.consumed ?? 0;
    }
    if (sparse !== undefined) {
      const mapped = sparse.segments.reduce((sum, { length }) => sum + length, 0);
      if (mapped !== dataBytes) throw corrupt(`${quoted(name)}: its sparse map does not fit its data`);
    }
    return {
      name,
      type: isOldDirectory ? 'directory' : type,
      mode: header.mode,
      uid: whole('uid', header.uid),
      gid: whole('gid', header.gid),
      mtime: mtimeOf(text('mtime'), header.mtime),
      size: isOldDirectory ? 0 : dataBytes,
      linkName: text('linkpath') ?? longLink ?? header.linkName,
      device: { major: header.devMajor, minor: header.devMinor },
      xattrs: new Map(
        records.flatMap(([key, value]) =>
          key.startsWith(xattrPrefix) ? [[key.slice(xattrPrefix.length), value] as const] : [],
        ),
      ),
      sparse,
    };
  }
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.byteLength : end);
}

function mtimeOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const seconds = /^-?\d{1,12}(?:\.\d{1,12})?$/.test(text) ? Number(text) : 0;
  return Math.max(0, seconds);
}
