import type { Hash } from 'node:crypto';

/** The same bytes, hashed as they pass. */
export async function* hashedStream(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    hash.update(bytes);
    yield bytes;
  }
}
