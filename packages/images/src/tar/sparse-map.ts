import { corrupt } from '../image-errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { type PaxRecords, paxNumber } from './pax-records.ts';
import { type SparseMap, type SparseSegment, tarBlockBytes } from './tar-entry.ts';
import { number } from './tar-header.ts';

/** More pieces than any real file has; each costs memory. */
const maxSegments = 1 << 18;

/** What the forms of sparse files in archives come to: the map, and how many bytes of the entry it took from the data. */
export interface FoundSparse {
  readonly map: SparseMap;
  readonly consumed: number;
}

/** Old GNU form: type `S`, four segments in the header, 21 in each block that follows while a flag says so. */
export async function readOldGnuSparse(header: Buffer, reader: ByteReader): Promise<SparseMap> {
  const segments: SparseSegment[] = [];
  const take = (block: Buffer, at: number, count: number): void => {
    for (let index = 0; index < count; index++) {
      const offset = number(block, at + index * 24, 12, 'sparse offset');
      const length = number(block, at + index * 24 + 12, 12, 'sparse length');
      if (offset !== 0 || length !== 0) segments.push({ offset, length });
    }
  };
  take(header, 386, 4);
  let isMore = header[482] === 1;
  while (isMore) {
    const block = await reader.exactly(tarBlockBytes);
    if (block.byteLength !== tarBlockBytes) throw corrupt('a tar archive ends within a sparse map');
    take(block, 0, 21);
    if (segments.length > maxSegments) throw corrupt('a sparse file has too many pieces');
    isMore = block[504] === 1;
  }
  return checked(segments, number(header, 483, 12, 'real size'));
}

/** pax forms 0.0, 0.1 and 1.0; the last has its map in front of the data. Undefined for a file that is not sparse. */
export async function readPaxSparse(
  records: PaxRecords,
  reader: ByteReader,
  size: number,
): Promise<FoundSparse | undefined> {
  const last = new Map(records);
  const realSize = last.get('GNU.sparse.realsize') ?? last.get('GNU.sparse.size');
  if (realSize === undefined) return undefined;
  const real = paxNumber('GNU.sparse.realsize', realSize);
  if (last.get('GNU.sparse.major')?.toString('latin1') === '1') {
    const { segments, consumed } = await readMapInData(reader, size);
    return { map: checked(segments, real), consumed };
  }
  const list = last.get('GNU.sparse.map');
  const numbers =
    list === undefined
      ? records.flatMap(([key, value]) =>
          key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes' ? [paxNumber(key, value)] : [],
        )
      : list
          .toString('latin1')
          .split(',')
          .filter((part) => part !== '')
          .map((part) => paxNumber('GNU.sparse.map', Buffer.from(part, 'latin1')));
  return { map: checked(pairs(numbers), real), consumed: 0 };
}

/** Decimal lines in front of the data: how many segments, then offset and length of each, up to a whole block. */
async function readMapInData(
  reader: ByteReader,
  size: number,
): Promise<{ readonly segments: readonly SparseSegment[]; readonly consumed: number }> {
  let consumed = 0;
  let pending = '';
  const numbers: number[] = [];
  let wanted = 1;
  while (numbers.length < wanted) {
    if (consumed + tarBlockBytes > size + tarBlockBytes)
      throw corrupt('a sparse map is longer than its file');
    const block = await reader.exactly(tarBlockBytes);
    if (block.byteLength !== tarBlockBytes) throw corrupt('a tar archive ends within a sparse map');
    consumed += tarBlockBytes;
    const lines = (pending + block.toString('latin1')).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > 20 && numbers.length + lines.length < wanted)
      throw corrupt('a sparse map holds no numbers');
    for (const line of lines) {
      if (numbers.length >= wanted) break;
      numbers.push(paxNumber('sparse map', Buffer.from(line, 'latin1')));
      if (numbers.length === 1) wanted = 1 + 2 * (numbers[0] ?? 0);
      if (wanted > 2 * maxSegments) throw corrupt('a sparse file has too many pieces');
    }
  }
  return { segments: pairs(numbers.slice(1)), consumed };
}

function pairs(numbers: readonly number[]): readonly SparseSegment[] {
  if (numbers.length % 2 !== 0) throw corrupt('a sparse map has an offset without a length');
  const segments: SparseSegment[] = [];
  for (let at = 0; at < numbers.length; at += 2)
    segments.push({ offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 });
  return segments;
}

/** Segments in order, apart, within the file. @throws SovereignError `image.corrupt` */
function checked(segments: readonly SparseSegment[], realSize: number): SparseMap {
  if (segments.length > maxSegments) throw corrupt('a sparse file has too many pieces');
  let end = 0;
  for (const { offset, length } of segments) {
    if (offset < end || offset + length > realSize)
      throw corrupt('the pieces of a sparse file overlap, or leave it');
    end = offset + length;
  }
  return { realSize, segments };
}
