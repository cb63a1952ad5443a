import { ByteRing } from './byte-ring.ts';

/** What is kept of a stream. Default: 512 KiB of its head and 512 KiB of its tail, enough for a person or a model to read. */
export interface OutputBounds {
  readonly headBytes?: number;
  readonly tailBytes?: number;
}

/** A stream that has ended. `bytes` is head and tail; when bytes were dropped, they are missing at `headBytes`. */
export interface BoundedBytes {
  readonly bytes: Uint8Array;
  /** Bytes of the whole stream. */
  readonly totalBytes: number;
  /** Exactly `totalBytes - bytes.length`. */
  readonly droppedBytes: number;
  readonly headBytes: number;
}

export const defaultOutputBounds = { headBytes: 524_288, tailBytes: 524_288 } as const;

const empty = new Uint8Array(0);

/**
 * Keeps the head and the tail of a stream and counts exactly what it drops in between.
 *
 * Memory follows what arrives up to the two bounds and stays there. A stream without output costs no buffer, one with
 * a single small chunk costs one copy of it.
 */
export class BoundedOutput {
  readonly #headLimit: number;
  readonly #tail: ByteRing;
  #head: Uint8Array = empty;
  #headUsed = 0;
  #total = 0;

  constructor(bounds: OutputBounds = defaultOutputBounds) {
    this.#headLimit = bounds.headBytes ?? defaultOutputBounds.headBytes;
    this.#tail = new ByteRing(bounds.tailBytes ?? defaultOutputBounds.tailBytes);
  }

  get totalBytes(): number {
    return this.#total;
  }

  /** Takes a chunk; it is copied, the caller may use its memory again. */
  push(chunk: Uint8Array): void {
    this.#total += chunk.length;
    const room = this.#headLimit - this.#headUsed;
    if (room === 0) {
      this.#tail.push(chunk);
    } else if (chunk.length <= room) {
      this.#pushHead(chunk);
    } else {
      this.#pushHead(chunk.subarray(0, room));
      this.#tail.push(chunk.subarray(room));
    }
  }

  #pushHead(chunk: Uint8Array): void {
    const needed = this.#headUsed + chunk.length;
    if (needed > this.#head.length) {
      // The first chunk is often the only one: it gets exactly its size. From the second on the buffer doubles.
      const size =
        this.#headUsed === 0 ? needed : Math.min(this.#headLimit, Math.max(needed, this.#head.length * 2));
      const grown = new Uint8Array(size);
      grown.set(this.#head.subarray(0, this.#headUsed));
      this.#head = grown;
    }
    this.#head.set(chunk, this.#headUsed);
    this.#headUsed = needed;
  }

  /** What was kept. The result may share memory with this object: push nothing afterwards. */
  finish(): BoundedBytes {
    const head = this.#head.subarray(0, this.#headUsed);
    const tailBytes = this.#tail.length;
    let bytes = head;
    if (tailBytes > 0) {
      bytes = new Uint8Array(head.length + tailBytes);
      bytes.set(head);
      this.#tail.copyTo(bytes, head.length);
    }
    return {
      bytes,
      totalBytes: this.#total,
      droppedBytes: this.#total - bytes.length,
      headBytes: head.length,
    };
  }
}
