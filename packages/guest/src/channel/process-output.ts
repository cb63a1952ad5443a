import type { OutputChunk, OutputSink } from '@sovereign/core';
import { ChunkQueue, isWorthKeeping } from './chunk-queue.ts';
import { InboundCredit } from './credit.ts';
import { PullIterator, type PullSource } from './pull-iterator.ts';

const streamNames = ['stdout', 'stderr'] as const;

/** Position of a stream in `cursors`. */
export type StreamIndex = 0 | 1;

/**
 * The output of one process on its way to whoever follows it: a sink, or an iteration, or nobody yet.
 * Credit comes back for what a sink was given or an iteration has handed out.
 */
export class ProcessOutput implements PullSource<OutputChunk> {
  readonly #sink: OutputSink | undefined;
  readonly #credit: InboundCredit;
  readonly #grant: (bytes: number) => void;
  readonly #queue = new ChunkQueue();
  /** Bytes received. */
  #received: [number, number] = [0, 0];
  /** Bytes handed to the iteration. */
  #handedOut: [number, number] = [0, 0];
  #iterator: PullIterator<OutputChunk> | undefined;
  #hasEnded = false;
  #error: Error | undefined;
  #onDrained: (() => void) | undefined;

  constructor(options: {
    readonly windowBytes: number;
    readonly sink: OutputSink | undefined;
    readonly grant: (bytes: number) => void;
  }) {
    this.#sink = options.sink;
    this.#grant = options.grant;
    this.#credit = new InboundCredit(options.windowBytes);
  }

  get cursors(): { readonly stdout: number; readonly stderr: number } {
    return { stdout: this.#received[0], stderr: this.#received[1] };
  }

  /** Where the output begins, for a process that was attached to. */
  begin(stdout: number, stderr: number): void {
    this.#received = [stdout, stderr];
    this.#handedOut = [stdout, stderr];
  }

  /** @throws SovereignError `channel.protocol` when it is more than was granted. */
  announce(bytes: number): void {
    this.#credit.receive(bytes);
  }

  /** Takes output. Returns true when the view is kept. Throws what the sink throws. */
  accept(stream: StreamIndex, data: Uint8Array): boolean {
    this.#received[stream] += data.length;
    if (this.#sink !== undefined) {
      this.#consume(data.length);
      this.#sink(streamNames[stream], data);
      return false;
    }
    if (this.#iterator?.isWaiting !== true) return this.#queue.push(stream, data);
    const isKept = isWorthKeeping(data);
    this.#iterator.deliver(this.#handOut(stream, isKept ? data : new Uint8Array(data)));
    return isKept;
  }

  /** Output that nobody will want: counted, and dropped. */
  drop(stream: StreamIndex, data: Uint8Array): void {
    this.#received[stream] += data.length;
    this.#consume(data.length);
  }

  /** The one iteration; a loop that was left can be taken up again. */
  iterate(): PullIterator<OutputChunk> {
    if (this.#iterator === undefined) {
      this.#iterator = new PullIterator<OutputChunk>(this);
      if (this.#hasEnded) this.#iterator.end(this.#error);
    }
    return this.#iterator;
  }

  take(): OutputChunk | undefined {
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    const chunk = this.#handOut(queued.stream === 0 ? 0 : 1, queued.data);
    if (this.#queue.isEmpty) this.#finishDrain();
    return chunk;
  }

  leave(): undefined {
    this.#finishDrain();
    return undefined;
  }

  /** No output comes any more. `onDrained` is called when an iteration has handed out the last, at once when none has begun. */
  end(error?: Error, onDrained?: () => void): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#error = error;
    this.#iterator?.end(error);
    if (this.#iterator === undefined || this.#queue.isEmpty) onDrained?.();
    else this.#onDrained = onDrained;
  }

  #finishDrain(): void {
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.();
  }

  #handOut(stream: StreamIndex, data: Uint8Array): OutputChunk {
    this.#handedOut[stream] += data.length;
    this.#consume(data.length);
    return { stream: streamNames[stream], data, cursor: this.#handedOut[stream] };
  }

  #consume(bytes: number): void {
    const grant = this.#credit.consume(bytes);
    if (grant > 0 && !this.#hasEnded) this.#grant(grant);
  }
}
