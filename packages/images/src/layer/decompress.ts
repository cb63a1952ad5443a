import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { corrupt } from '../image-errors.ts';
import { ByteReader } from '../tar/byte-reader.ts';
import { ZstdGuard } from './zstd-guard.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

const chunkSize = 1024 * 1024;

/** How bytes are compressed, by how they begin: what a manifest or a file name says may be wrong. */
export function compressionOf(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  if (a !== undefined && a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/** Plain bytes of a stream that may be compressed. @throws SovereignError `image.corrupt` while it is iterated */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  try {
    const start = Buffer.from(await reader.exactly(4));
    const whole = withStart(start, reader);
    switch (compressionOf(start)) {
      case 'none':
        yield* whole;
        return;
      case 'gzip':
        yield* through(whole, zlib.createGunzip({ chunkSize }), 'gzip');
        return;
      case 'zstd':
        yield* unzstd(whole);
        return;
    }
  } finally {
    await reader.close();
  }
}

async function* withStart(start: Uint8Array, reader: ByteReader): AsyncGenerator<Uint8Array> {
  if (start.byteLength > 0) yield start;
  for (;;) {
    const part = await reader.some(chunkSize);
    if (part === undefined) return;
    yield part;
  }
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  format: string,
): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const fed = pipeline(Readable.from(source, { objectMode: false, highWaterMark: chunkSize }), transform, {
    end: true,
    signal: stop.signal,
  });
  // Its failure is the transform's, which the loop below throws.
  fed.catch(() => undefined);
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
    await fed;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (/^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/.test(code)) throw corrupt(`a ${format} stream is damaged (${code})`);
    throw error;
  } finally {
    stop.abort();
  }
}

/** By Node's own decoder where it has one (22.15 on), else by fzstd. */
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const guarded = guard(source);
  const own: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof own === 'function') {
    yield* through(guarded, (own as (options: { chunkSize: number }) => Transform)({ chunkSize }), 'zstd');
    return;
  }
  const out: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    // It reuses its buffers.
    if (chunk.byteLength > 0) out.push(Buffer.from(chunk));
  });
  const push = (bytes: Uint8Array, isLast: boolean): void => {
    try {
      decoder.push(bytes, isLast);
    } catch (error) {
      throw corrupt(`a zstd stream is damaged (${error instanceof Error ? error.message : 'unknown'})`);
    }
  };
  for await (const bytes of guarded) {
    // Pieces, so that what one of them expands to stays small.
    for (let at = 0; at < bytes.byteLength; at += 16 * 1024) {
      push(bytes.subarray(at, at + 16 * 1024), false);
      for (const chunk of out.splice(0)) yield chunk;
    }
  }
  push(new Uint8Array(0), true);
  yield* out;
}

async function* guard(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new ZstdGuard();
  for await (const bytes of source) {
    frames.check(bytes);
    yield bytes;
  }
}
