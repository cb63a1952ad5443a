const firstBytes = 4096;

/** The newest bytes of a stream, at most `limit`. Grows by doubling until there, then overwrites in place: nothing is ever shifted. */
export class ByteRing {
  readonly #limit: number;
  #buffer = new Uint8Array(0);
  #used = 0;
  /** Where the next byte goes once the ring is full; it is also where the oldest stands. */
  #next = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#used;
  }

  push(chunk: Uint8Array): void {
    const newest = chunk.length > this.#limit ? chunk.subarray(chunk.length - this.#limit) : chunk;
    if (newest.length === 0) return;
    if (this.#used < this.#limit) this.#grow(Math.min(this.#limit, this.#used + newest.length));
    const untilEnd = this.#buffer.length - this.#next;
    if (newest.length <= untilEnd) {
      this.#buffer.set(newest, this.#next);
    } else {
      this.#buffer.set(newest.subarray(0, untilEnd), this.#next);
      this.#buffer.set(newest.subarray(untilEnd), 0);
    }
    this.#used = Math.min(this.#limit, this.#used + newest.length);
    this.#next += newest.length;
    if (this.#next >= this.#limit) this.#next -= this.#limit;
  }

  /** Before the ring is full its bytes stand at 0 … used, so growing keeps their places. */
  #grow(needed: number): void {
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(
      Math.min(this.#limit, Math.max(needed, this.#buffer.length * 2, firstBytes)),
    );
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }

  /** Oldest byte first. */
  copyTo(target: Uint8Array, offset: number): void {
    if (this.#used < this.#limit) {
      target.set(this.#buffer.subarray(0, this.#used), offset);
      return;
    }
    target.set(this.#buffer.subarray(this.#next), offset);
    target.set(this.#buffer.subarray(0, this.#next), offset + this.#buffer.length - this.#next);
  }
}
