import type { ByteStream } from '@sovereign/core';

/** Frames up to this size are joined; larger ones are handed on as they are. */
const maxJoinedBytes = 65_536;

/**
 * Sends frames, those of one tick together: what was sent while callbacks ran leaves in one write when the last of
 * them has returned, which adds nothing to the latency of a single frame.
 *
 * Frames are never refused. What brings much data (stdin, file content) waits for `room` and is bounded by credit.
 */
export class FrameWriter {
  readonly #stream: ByteStream;
  readonly #onError: (error: unknown) => void;
  #queue: Uint8Array[] = [];
  #isScheduled = false;
  #blocked: Promise<void> | undefined;
  #isClosed = false;
  readonly #flush = (): void => {
    this.#isScheduled = false;
    this.#write();
  };

  constructor(stream: ByteStream, onError: (error: unknown) => void) {
    this.#stream = stream;
    this.#onError = onError;
  }

  /** Promise to wait for before more bulk data is sent; undefined when there is room. */
  get room(): Promise<void> | undefined {
    return this.#blocked;
  }

  /** Queues one encoded frame. The bytes belong to the writer from now on. */
  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#queue.push(frame);
    if (this.#isScheduled || this.#blocked !== undefined) return;
    this.#isScheduled = true;
    process.nextTick(this.#flush);
  }

  /** Drops what was not sent. */
  close(): void {
    this.#isClosed = true;
    this.#queue = [];
  }

  #write(): void {
    while (this.#queue.length > 0 && this.#blocked === undefined) {
      const queue = this.#queue;
      this.#queue = [];
      try {
        const pending = writeJoined(this.#stream, queue);
        if (pending !== undefined) this.#block(pending);
      } catch (error) {
        this.#onError(error);
        return;
      }
    }
  }

  #block(pending: Promise<void>): void {
    this.#blocked = pending.then(
      () => {
        this.#blocked = undefined;
        this.#write();
      },
      (error: unknown) => {
        this.#blocked = undefined;
        this.#onError(error);
      },
    );
  }
}

/** Writes frames in order, runs of small ones as one piece. */
function writeJoined(stream: ByteStream, queue: readonly Uint8Array[]): Promise<void> | undefined {
  const [first] = queue;
  if (first !== undefined && queue.length === 1) return stream.write(first);
  let pending: Promise<void> | undefined;
  let run: Uint8Array[] = [];
  let runBytes = 0;
  const endRun = (): void => {
    const [only] = run;
    if (only !== undefined)
      pending = stream.write(run.length === 1 ? only : Buffer.concat(run, runBytes)) ?? pending;
    run = [];
    runBytes = 0;
  };
  for (const frame of queue) {
    if (runBytes + frame.length > maxJoinedBytes) endRun();
    run.push(frame);
    runBytes += frame.length;
  }
  endRun();
  return pending;
}
