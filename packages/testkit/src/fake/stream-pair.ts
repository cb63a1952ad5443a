import type { ByteStream } from '@sovereign/core';

/** One end of an in-memory connection. `break` is what a crash or a cut cable looks like from the other end. */
export interface PairedStream extends ByteStream {
  /** Ends both directions; the iteration at the other end throws `error`. */
  break(error: Error): void;
}

export interface StreamPairOptions {
  /** Bytes written and not yet read before `write` asks its caller to wait. Default 1 MiB: a generous socket buffer. */
  readonly bufferBytes?: number;
  /** Largest piece in which bytes arrive; small values cut frames in the middle. Default: as written. */
  readonly chunkBytes?: number;
}

/** Two connected byte streams without an operating system between them. */
export function createStreamPair(options: StreamPairOptions = {}): readonly [PairedStream, PairedStream] {
  const bufferBytes = options.bufferBytes ?? 1_048_576;
  const chunkBytes = options.chunkBytes ?? Number.POSITIVE_INFINITY;
  const there = new Pipe(bufferBytes, chunkBytes);
  const back = new Pipe(bufferBytes, chunkBytes);
  return [paired(there, back), paired(back, there)];
}

function paired(out: Pipe, into: Pipe): PairedStream {
  return {
    write: (bytes) => out.write(bytes),
    close: () => {
      out.end(undefined);
      into.end(undefined);
      return Promise.resolve();
    },
    break: (error) => {
      out.end(error);
      into.end(undefined);
    },
    [Symbol.asyncIterator]: () => into.read(),
  };
}

class Pipe {
  readonly #bufferBytes: number;
  readonly #chunkBytes: number;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended: { readonly error: Error | undefined } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(bufferBytes: number, chunkBytes: number) {
    this.#bufferBytes = bufferBytes;
    this.#chunkBytes = chunkBytes;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#ended !== undefined) return undefined;
    for (let offset = 0; offset < bytes.byteLength; offset += this.#chunkBytes) {
      this.#queue.push(bytes.subarray(offset, Math.min(bytes.byteLength, offset + this.#chunkBytes)));
    }
    this.#queuedBytes += bytes.byteLength;
    this.#wakeReader?.();
    if (this.#queuedBytes <= this.#bufferBytes) return undefined;
    return new Promise((resolve) => this.#wakeWriters.push(resolve));
  }

  end(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#wakeReader?.();
    this.#releaseWriters();
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.byteLength;
        if (this.#queuedBytes <= this.#bufferBytes / 2) this.#releaseWriters();
        yield chunk;
      } else if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wakeReader = resolve));
        this.#wakeReader = undefined;
      }
    }
  }

  #releaseWriters(): void {
    const waiting = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const resolve of waiting) resolve();
  }
}
