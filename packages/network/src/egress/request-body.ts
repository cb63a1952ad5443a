import type { BodyLength } from './http-request.ts';

const maxLineBytes = 4_096;

/** Passes on exactly the bytes of one request's body, and ends there. @throws Error when chunks are malformed */
export async function* requestBody(
  source: AsyncIterable<Uint8Array>,
  length: BodyLength,
): AsyncGenerator<Uint8Array, undefined> {
  if (length === 0) return undefined;
  if (length === 'chunked') {
    const meter = new ChunkMeter();
    for await (const bytes of source) {
      const used = meter.measure(bytes);
      if (used > 0) yield bytes.subarray(0, used);
      if (meter.isDone) return undefined;
    }
    throw new Error('the body of a request ends too early');
  }
  let left = length;
  for await (const bytes of source) {
    const part = bytes.subarray(0, left);
    left -= part.length;
    yield part;
    if (left === 0) return undefined;
  }
  throw new Error('the body of a request ends too early');
}

/** Finds the end of a chunked body (RFC 9112, 7.1) without changing it. */
class ChunkMeter {
  #state: 'size' | 'data' | 'trailer' | 'done' = 'size';
  #line = '';
  /** Bytes of the current chunk that are still to come, with the line end after them. */
  #left = 0;

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** How many of these bytes belong to the body. */
  measure(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        if (this.#left === 0) this.#state = 'size';
        continue;
      }
      this.#line += String.fromCharCode(bytes[at] ?? 0);
      at++;
      if (this.#line.length > maxLineBytes) throw new Error('a line of a chunked body is too long');
      if (this.#line.endsWith('\r\n')) this.#onLine(this.#line.slice(0, -2));
    }
    return at;
  }

  #onLine(line: string): void {
    this.#line = '';
    if (this.#state === 'trailer') {
      if (line === '') this.#state = 'done';
      return;
    }
    const match = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\u0020-\u007e]*)?$/.exec(line);
    if (match === null) throw new Error('a chunked body is malformed');
    const size = Number.parseInt(match[1] ?? '', 16);
    this.#state = size === 0 ? 'trailer' : 'data';
    this.#left = size + 2;
  }
}
