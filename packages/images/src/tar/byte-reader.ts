/** Reads exact lengths from a stream of chunks. It holds one chunk, and copies only what straddles two. */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #hasEnded = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Up to `most` bytes, at least one; undefined at the end. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#at >= this.#chunk.byteLength) {
      if (this.#hasEnded) return undefined;
      const next = await this.#iterator.next();
      if (next.done === true) {
        this.#hasEnded = true;
        return undefined;
      }
      this.#chunk = next.value;
      this.#at = 0;
    }
    const end = Math.min(this.#at + most, this.#chunk.byteLength);
    const part = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** Exactly `length` bytes that are at hand already, without waiting; undefined when they are not. */
  atHand(length: number): Buffer | undefined {
    if (this.#chunk.byteLength - this.#at < length) return undefined;
    const part = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  }

  /** Exactly `length` bytes; fewer only where the stream ends. `length` must be bounded by the caller. */
  async exactly(length: number): Promise<Buffer> {
    const whole = this.atHand(length);
    if (whole !== undefined) return whole;
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) break;
      parts.push(part);
      missing -= part.byteLength;
    }
    return Buffer.concat(parts);
  }

  /** Lets the source go before its end. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#iterator.return?.();
  }
}
