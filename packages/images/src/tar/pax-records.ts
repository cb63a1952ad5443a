import { corrupt, quoted } from '../image-errors.ts';

/** Records of a pax header in their order: keys may come again (GNU.sparse.offset). Values are bytes. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

/**
 * Reads `length key=value\n` … (pax(1), "pax Extended Header").
 *
 * @throws SovereignError `image.corrupt`
 */
export function parsePaxRecords(bytes: Buffer): PaxRecords {
  const records: (readonly [string, Buffer])[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const space = bytes.indexOf(0x20, at);
    const digits = space === -1 || space - at > 12 ? '' : bytes.toString('latin1', at, space);
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (end > bytes.byteLength || equals === -1 || equals >= end - 1 || bytes[end - 1] !== 0x0a)
      throw corrupt('a pax header of a tar archive is damaged');
    records.push([bytes.toString('latin1', space + 1, equals), bytes.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

export function formatPaxRecord(key: string, value: Uint8Array | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), bytesOf(value), Buffer.from('\n')]);
  let length = rest.byteLength + 1;
  while (String(length).length + rest.byteLength !== length) length = String(length).length + rest.byteLength;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function bytesOf(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
}

/** A decimal number of a pax record. @throws SovereignError `image.corrupt` */
export function paxNumber(key: string, value: Buffer): number {
  const digits = value.toString('latin1');
  const parsed = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isSafeInteger(parsed)) return parsed;
  throw corrupt(`a pax header has ${quoted(digits)} as its ${key}`);
}
