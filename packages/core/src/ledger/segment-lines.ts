import { open } from 'node:fs/promises';
import { maxLineBytes } from './record-line.ts';

/** A line of a file that may hold anything. */
export interface SegmentLine {
  /** Without its newline. Only valid until the next step: copy what is kept. */
  readonly bytes: Buffer;
  /** False for what stands after the last newline of the file. */
  readonly isTerminated: boolean;
  /** It is longer than a record may be; `bytes` is its beginning. */
  readonly isTooLong: boolean;
}

const chunkBytes = 262_144;

/** Reads a file line by line, a batch for every chunk that was read; no line costs more memory than a record may have. */
export async function* segmentLines(path: string): AsyncGenerator<readonly SegmentLine[]> {
  const file = await open(path, 'r');
  try {
    let pending = Buffer.alloc(0);
    let isTooLong = false;
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) break;
      const batch: SegmentLine[] = [];
      let start = 0;
      for (;;) {
        const newline = chunk.subarray(0, bytesRead).indexOf(0x0a, start);
        const piece = chunk.subarray(start, newline < 0 ? bytesRead : newline);
        const bytes = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
        if (bytes.length > maxLineBytes) isTooLong = true;
        const kept = isTooLong ? bytes.subarray(0, maxLineBytes) : bytes;
        if (newline < 0) {
          pending = kept;
          break;
        }
        batch.push({ bytes: kept, isTerminated: true, isTooLong });
        pending = Buffer.alloc(0);
        isTooLong = false;
        start = newline + 1;
      }
      if (batch.length > 0) yield batch;
    }
    if (pending.length > 0) yield [{ bytes: pending, isTerminated: false, isTooLong }];
  } finally {
    await file.close();
  }
}
