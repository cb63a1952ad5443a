/** Bytes that wait for a reader: the stdin of a fake process. `onTaken` hears how many were consumed, to grant credit. */
export class ByteQueue {
  readonly #onTaken: (bytes: number) => void;
  #chunks: Uint8Array[] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  push(data: Uint8Array): void {
    if (this.#hasEnded || data.byteLength === 0) return;
    this.#chunks.push(data);
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#onTaken(chunk.byteLength);
        yield chunk;
      } else if (this.#hasEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
