import net from 'node:net';
import { SovereignError } from '@sovereign/protocol';
import { channelClosed } from '../channel/channel-errors.ts';
import type { RecyclingStream } from '../channel/connection.ts';
import { PullIterator, type PullSource } from '../channel/pull-iterator.ts';

/** Longest path that sun_path of Linux holds (unix(7)). */
const maxPathBytes = 107;
/** Bytes asked of the kernel in one read: with less, large output costs more calls; with more, more cache misses. */
const readBytes = 262_144;
/** Chunks kept for reuse; a reader that keeps up needs two. */
const maxSpareChunks = 4;

export interface UnixSocketOptions {
  readonly signal?: AbortSignal;
}

/**
 * Connects to a unix socket. Chunks that are given back by `recycle` are read into again.
 *
 * @throws SovereignError `socket.path-too-long` (Node would cut the path in silence), `channel.closed` when nothing
 *   listens there, `operation.cancelled`.
 */
export async function connectUnixSocket(
  path: string,
  options: UnixSocketOptions = {},
): Promise<RecyclingStream> {
  checkSocketPath(path);
  const stream = new SocketStream();
  await stream.connect(path, options.signal);
  return stream;
}

/** @throws SovereignError `socket.path-too-long` */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxPathBytes) return;
  throw new SovereignError({
    reason: 'socket.path-too-long',
    message: `The socket path is too long: ${bytes} bytes (at most ${maxPathBytes}).`,
    hint: 'Use a shorter state directory.',
    context: { bytes },
  });
}

class SocketStream implements RecyclingStream, PullSource<Uint8Array> {
  readonly #iterator = new PullIterator<Uint8Array>(this);
  readonly #spare: Uint8Array[] = [];
  readonly #waiting: Uint8Array[] = [];
  #socket: net.Socket | undefined;
  #isPaused = false;
  #isClosed = false;
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;

  connect(path: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        path,
        ...(signal === undefined ? {} : { signal }),
        onread: {
          buffer: () => this.#spare.pop() ?? Buffer.allocUnsafeSlow(readBytes),
          callback: (bytes, buffer) => this.#onRead(bytes, buffer),
        },
      });
      this.#socket = socket;
      socket.once('connect', resolve);
      socket.on('error', (error) => {
        const failure = connectFailed(path, error, signal);
        reject(failure);
        this.#end(failure);
      });
      socket.on('end', () => {
        this.#end();
      });
      socket.on('close', () => {
        reject(channelClosed('closed'));
        this.#end();
      });
      socket.on('drain', () => {
        this.#openRoom();
      });
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this.#iterator;
  }

  recycle(chunk: Uint8Array): void {
    if (chunk.buffer.byteLength !== readBytes || this.#spare.length >= maxSpareChunks) return;
    this.#spare.push(new Uint8Array(chunk.buffer));
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isClosed || this.#socket === undefined || this.#socket.write(bytes)) return undefined;
    if (this.#room === undefined) {
      let open = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#room = { promise, open };
    }
    return this.#room.promise;
  }

  close(): Promise<void> {
    this.#end();
    this.#socket?.destroy();
    return Promise.resolve();
  }

  take(): Uint8Array | undefined {
    const chunk = this.#waiting.shift();
    if (this.#waiting.length === 0 && this.#isPaused) {
      this.#isPaused = false;
      this.#socket?.resume();
    }
    return chunk;
  }

  async leave(): Promise<void> {
    await this.close();
  }

  /** Returns false to stop reading: the consumer is not ready for more than it has. */
  #onRead(bytes: number, buffer: Uint8Array): boolean {
    const chunk = new Uint8Array(buffer.buffer, buffer.byteOffset, bytes);
    if (this.#iterator.isWaiting) {
      this.#iterator.deliver(chunk);
      return true;
    }
    this.#waiting.push(chunk);
    this.#isPaused = true;
    return false;
  }

  #end(error?: Error): void {
    this.#isClosed = true;
    this.#iterator.end(error);
    this.#openRoom();
  }

  #openRoom(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.open();
  }
}

function connectFailed(path: string, error: Error, signal: AbortSignal | undefined): SovereignError {
  if (signal?.aborted === true) {
    return new SovereignError({
      reason: 'operation.cancelled',
      message: `Connecting to ${path} was cancelled.`,
      hint: 'Call again if it is still wanted.',
    });
  }
  return channelClosed(`${path}: ${error.message}`, error);
}
