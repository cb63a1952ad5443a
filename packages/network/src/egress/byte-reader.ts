import type { Tunnel } from '@sovereign/core';

/**
 * Reads the beginning of a connection piece by piece, and hands over the rest. What it holds is bounded by what its
 * callers ask for.
 */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #hasEnded = false;

  constructor(tunnel: Tunnel) {
    this.#iterator = tunnel[Symbol.asyncIterator]();
  }

  /** What has come and was not taken yet. */
  get held(): Uint8Array {
    return this.#held;
  }

  /** Waits for more to come. False at the end of the connection. */
  async more(): Promise<boolean> {
    if (this.#hasEnded) return false;
    const step = await this.#iterator.next();
    if (step.done === true) {
      this.#hasEnded = true;
      return false;
    }
    this.#held = this.#held.length === 0 ? step.value : Buffer.concat([this.#held, step.value]);
    return true;
  }

  /** Takes bytes off the front of what is held. */
  take(bytes: number): Uint8Array {
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return taken;
  }

  /** So many bytes, or undefined when the connection ends before. */
  async exactly(bytes: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < bytes) if (!(await this.more())) return undefined;
    return this.take(bytes);
  }

  /** The rest of the connection as it comes, with what is held first. */
  rest(): AsyncIterable<Uint8Array> {
    const iterator = this.#iterator;
    const first = this.take(this.#held.length);
    const hasEnded = this.#hasEnded;
    return (async function* () {
      if (first.length > 0) yield first;
      while (!hasEnded) {
        const step = await iterator.next();
        if (step.done === true) return;
        yield step.value;
      }
    })();
  }
}
