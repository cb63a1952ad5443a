import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName } from './lane-files.ts';
import { claimedHash, isIntact, maxLineBytes, parseLink, type RecordKind } from './record-line.ts';
import { isTornRegion } from './torn-region.ts';

/** Where a lane stands: what its next record has to continue. */
export interface LaneEnd {
  readonly segment: number;
  readonly segmentBytes: number;
  /** 0 and undefined when the lane has no record yet. */
  readonly seq: number;
  readonly hash: string | undefined;
  readonly kind: RecordKind | undefined;
  /** What an interrupted write left after the last record. */
  readonly torn: Buffer;
  /** The last record is whole but for its newline. */
  readonly lacksNewline: boolean;
}

/**
 * Reads the end of a lane: its last two lines at most, however long it is. Undefined when the end is damaged, that is
 * neither a record nor what an interrupted write leaves: such a lane is not written any more, so that the evidence stays.
 */
export function readLaneEnd(
  directory: string,
  lane: number,
  segments: readonly number[],
): LaneEnd | undefined {
  const last = segments.at(-1) ?? 0;
  const tail = readTail(join(directory, segmentName(lane, last)), 2 * maxLineBytes);
  const start = { segment: last, segmentBytes: tail.size, torn: Buffer.alloc(0), lacksNewline: false };
  if (tail.size === 0) {
    // A segment that was begun and not yet written: the record to continue ends the one before.
    if (last === 0) return { ...start, seq: 0, hash: undefined, kind: undefined };
    const before = readLaneEnd(directory, lane, segments.slice(0, -1));
    const isWhole = before?.torn.length === 0 && !before.lacksNewline;
    return isWhole ? { ...before, ...start } : undefined;
  }
  const found = lastRecord(tail.bytes);
  if (found !== undefined) {
    const rest = tail.bytes.subarray(found.end);
    const isTorn = rest.length > 0 && isTornRegion(rest, found.seq + 1);
    if (rest.length > 0 && !isTorn) return undefined;
    return { ...start, ...found, torn: Buffer.from(rest) };
  }
  const isFirst = tail.size === tail.bytes.length && last === 0 && isTornRegion(tail.bytes, 1);
  return isFirst
    ? { ...start, seq: 0, hash: undefined, kind: undefined, torn: Buffer.from(tail.bytes) }
    : undefined;
}

function lastRecord(bytes: Buffer) {
  let end = bytes.length;
  while (end > 0) {
    const hasNewline = bytes[end - 1] === 0x0a;
    const lineEnd = hasNewline ? end - 1 : end;
    const lineStart = lineEnd === 0 ? 0 : bytes.lastIndexOf(0x0a, lineEnd - 1) + 1;
    const line = bytes.subarray(lineStart, lineEnd);
    const hash = claimedHash(line);
    if (hash !== undefined) {
      const link = isIntact(line, hash) ? parseLink(line) : undefined;
      return link && { seq: link.seq, kind: link.kind, hash, end, lacksNewline: !hasNewline };
    }
    end = lineStart;
  }
  return undefined;
}

function readTail(path: string, limit: number): { readonly size: number; readonly bytes: Buffer } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { size: 0, bytes: Buffer.alloc(0) };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    // Most lines are short: a small read answers, the large one is for what a crash left.
    for (const want of [8_192, limit]) {
      const bytes = Buffer.allocUnsafe(Math.min(size, want));
      const got = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, size - bytes.length));
      if (got.length === size || want === limit || lastRecord(got) !== undefined) return { size, bytes: got };
    }
    return { size, bytes: Buffer.alloc(0) };
  } finally {
    closeSync(fd);
  }
}

/** Hash of the first record of a lane, undefined while it has none. The next lane begins with it. */
export function firstHash(directory: string, lane: number): string | undefined {
  let fd: number;
  try {
    fd = openSync(join(directory, segmentName(lane, 0)), 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(fd);
    for (const want of [8_192, 2 * maxLineBytes]) {
      const bytes = Buffer.allocUnsafe(Math.min(size, want));
      const hash = firstClaimedHash(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)));
      if (hash !== undefined) return hash;
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function firstClaimedHash(bytes: Buffer): string | undefined {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) return undefined;
    const hash = claimedHash(bytes.subarray(start, end));
    if (hash !== undefined) return hash;
    start = end + 1;
  }
  return undefined;
}
