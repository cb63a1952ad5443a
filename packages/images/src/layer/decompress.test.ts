import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SovereignError } from '@sovereign/protocol';
import { describe, expect, test } from 'vitest';
import { collected, inPieces } from '../tar/tar-for-test.ts';
import { decompress } from './decompress.ts';
import { ZstdGuard } from './zstd-guard.ts';

const corrupt = expect.objectContaining({ reason: 'image.corrupt' });
const plain = 'sovereign '.repeat(10_000);
/** Of `plain`, by the zstd program at level 3. */
const zstd = Buffer.from('KLUv/QRYlQAAUHNvdmVyZWlnbiABAJOGzQsSji5rSw==', 'base64');

describe('compressed layers', () => {
  test.each([
    ['plain', Buffer.from(plain)],
    ['gzip', gzipSync(plain)],
    ['zstd', zstd],
    ['gzip in two members', Buffer.concat([gzipSync(plain.slice(0, 99)), gzipSync(plain.slice(99))])],
  ])('%s is read', async (_what, bytes) => {
    for (const pieces of [1_000, 7])
      expect((await collected(decompress(inPieces(bytes, pieces)))).toString()).toBe(plain);
  });

  test('short streams are read', async () => {
    for (const text of ['', 'a', 'abc'])
      expect((await collected(decompress(inPieces(Buffer.from(text))))).toString()).toBe(text);
  });

  test.each([
    ['gzip cut short', gzipSync(plain).subarray(0, 100)],
    ['gzip with a wrong sum', Buffer.concat([gzipSync(plain).subarray(0, -8), Buffer.alloc(8, 1)])],
    ['a zstd window of a terabyte', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf0, 0, 0, 0])],
    ['zstd that is none after its first frame', Buffer.concat([zstd, Buffer.from('rest')])],
  ])('%s is refused', async (_what, bytes) => {
    await expect(collected(decompress(inPieces(bytes)))).rejects.toThrow(corrupt);
  });

  test('a consumer that leaves early ends the source', async () => {
    let hasEnded = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(gzipSync(plain));
      } finally {
        hasEnded = true;
      }
    }
    for await (const _bytes of decompress(source())) break;
    await expect.poll(() => hasEnded).toBe(true);
  });

  test('any zstd-like stream is read or refused', async () => {
    const changes = fc.array(fc.tuple(fc.integer({ min: 4, max: zstd.byteLength - 1 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(changes, async (pairs) => {
        const bytes = Buffer.from(zstd);
        for (const [at, value] of pairs) bytes[at] = value;
        try {
          for await (const part of decompress(inPieces(bytes))) expect(part.byteLength).toBeLessThan(1 << 28);
        } catch (error) {
          expect(error).toBeInstanceOf(SovereignError);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('the guard follows frames however they are cut', () => {
    const frames = Buffer.concat([zstd, Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), zstd]);
    for (const size of [1, 2, 5, 1_000]) {
      const guard = new ZstdGuard();
      for (let at = 0; at < frames.byteLength; at += size) guard.check(frames.subarray(at, at + size));
    }
  });
});
