import { corrupt } from '../image-errors.ts';
import { tarBlockBytes } from './tar-entry.ts';

/** Fields of one header block, as they stand there (POSIX.1 pax, ustar, GNU). */
export interface TarHeader {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly isGnu: boolean;
}

/** A block of zeroes, of which two end an archive. */
export function isEndBlock(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** @throws SovereignError `image.corrupt` */
export function parseHeader(block: Buffer): TarHeader {
  if (block.byteLength !== tarBlockBytes) throw corrupt('a tar archive ends within a header');
  const stated = number(block, 148, 8, 'checksum');
  let sum = 8 * 0x20;
  for (let at = 0; at < tarBlockBytes; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  if (stated !== sum) throw corrupt('a header of a tar archive has a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  const isGnu = magic === 'ustar  \0';
  const prefix = magic.startsWith('ustar\0') ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] ?? 0),
    mode: number(block, 100, 8, 'mode') & 0o7777,
    uid: number(block, 108, 8, 'uid'),
    gid: number(block, 116, 8, 'gid'),
    size: number(block, 124, 12, 'size'),
    mtime: number(block, 136, 12, 'mtime'),
    linkName: text(block, 157, 100),
    devMajor: magic.startsWith('ustar') ? number(block, 329, 8, 'device') : 0,
    devMinor: magic.startsWith('ustar') ? number(block, 337, 8, 'device') : 0,
    isGnu,
  };
}

export function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end === -1 || end > at + length ? at + length : end);
}

/**
 * A number: octal digits, or, where the first bit is set, the field's bytes as one big-endian number (GNU).
 *
 * @throws SovereignError `image.corrupt` for anything else, negative times excepted, which count as 0
 */
export function number(block: Buffer, at: number, length: number, what: string): number {
  const first = block[at] ?? 0;
  if (first >= 0x80) {
    if (first === 0xff) return negative(what);
    let value = first & 0x7f;
    for (let index = at + 1; index < at + length; index++) value = value * 256 + (block[index] ?? 0);
    return checked(value, what);
  }
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw corrupt(`a header of a tar archive has no number as its ${what}`);
  return checked(digits === '' ? 0 : Number.parseInt(digits, 8), what);
}

function negative(what: string): number {
  if (what === 'mtime') return 0;
  throw corrupt(`a header of a tar archive has a negative ${what}`);
}

function checked(value: number, what: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw corrupt(`a header of a tar archive has too large a ${what}`);
}
