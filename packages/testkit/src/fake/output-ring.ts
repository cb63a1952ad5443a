/** The newest bytes of one output stream, addressed by their offset from its beginning. */
export class OutputRing {
  readonly capacity: number;
  readonly #bytes: Uint8Array;
  #total = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes ever written. */
  get total(): number {
    return this.#total;
  }

  /** Offset of the oldest byte still held. */
  get start(): number {
    return Math.max(0, this.#total - this.capacity);
  }

  /** Adds bytes; the oldest give way. */
  append(data: Uint8Array): void {
    const kept = data.subarray(Math.max(0, data.byteLength - this.capacity));
    const at = (this.#total + data.byteLength - kept.byteLength) % this.capacity;
    const first = Math.min(kept.byteLength, this.capacity - at);
    this.#bytes.set(kept.subarray(0, first), at);
    this.#bytes.set(kept.subarray(first), 0);
    this.#total += data.byteLength;
  }

  /** A copy of at most `maxBytes` bytes from offset `from`, which must not lie before `start`. */
  read(from: number, maxBytes: number): Uint8Array {
    const length = Math.min(maxBytes, this.#total - from);
    const at = from % this.capacity;
    const first = Math.min(length, this.capacity - at);
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(at, at + first));
    copy.set(this.#bytes.subarray(0, length - first), first);
    return copy;
  }
}
