import { parseFieldLine } from './http-head.ts';
import type { BodyLength } from './http-request.ts';

const maxLineBytes = 4_096;
const maxTrailers = 32;

/** Passes on exactly the bytes of one request's body, and ends there. @throws Error when chunks are malformed */
export async function* requestBody(
  source: AsyncIterable<Uint8Array>,
  length: BodyLength,
): AsyncGenerator<Uint8Array, undefined> {
  if (length === 0) return undefined;
  if (length === 'chunked') {
    const meter = new ChunkMeter();
    for await (const bytes of source) {
      yield* meter.take(bytes);
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

/**
 * Finds the end of a chunked body (RFC 9112, 7.1) without changing it.
 *
 * SAFETY: a line passes when it is whole and has been judged. Piece by piece, a server that takes a line feed alone for an
 * end would find requests in what is one malformed line here. Held by request-body.test.ts and tests/network/smuggling.
 */
class ChunkMeter {
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  /** What has come of a line that is not whole yet. */
  #line = '';
  /** Bytes of the current chunk that are still to come. */
  #left = 0;
  #trailers = 0;

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** What may be passed on, of these bytes and of a line that they end. @throws Error when it is malformed */
  take(bytes: Uint8Array): readonly Uint8Array[] {
    const held = this.#line;
    let at = 0;
    let judged = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        judged = at;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      this.#line += String.fromCharCode(bytes[at] ?? 0);
      at++;
      if (this.#line.length > maxLineBytes) throw new Error('a line of a chunked body is too long');
      if (!this.#line.endsWith('\r\n')) continue;
      this.#onLine(this.#line.slice(0, -2));
      judged = at;
    }
    if (judged === 0) return [];
    const whole = bytes.subarray(0, judged);
    return held === '' ? [whole] : [Buffer.from(held, 'latin1'), whole];
  }

  #onLine(line: string): void {
    this.#line = '';
    if (this.#state === 'trailer') {
      if (line === '') this.#state = 'done';
      else if (++this.#trailers > maxTrailers || parseFieldLine(line) === undefined)
        throw new Error('the trailers of a chunked body are malformed');
      return;
    }
    if (this.#state === 'data-end') {
      if (line !== '') throw new Error('a chunk of a body is longer than its size');
      this.#state = 'size';
      return;
    }
    const match = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\u0020-\u007e]*)?$/.exec(line);
    if (match === null) throw new Error('a chunked body is malformed');
    this.#left = Number.parseInt(match[1] ?? '', 16);
    this.#state = this.#left === 0 ? 'trailer' : 'data';
  }
}
