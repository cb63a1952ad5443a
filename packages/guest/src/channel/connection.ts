import { frameNameByCode, frameShapes } from '@sovereign/protocol';
import type { ByteStream } from '@sovereign/core';
import type { ChannelHandler, ChannelLink } from './channel-handler.ts';
import { ChannelTable } from './channel-table.ts';
import { channelClosed, transportError } from './channel-errors.ts';
import { FrameReader, type FrameReceiver } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { Settlement } from './settlement.ts';

/** A stream that takes back chunks that nobody kept, so that reading allocates nothing. */
export interface RecyclingStream extends ByteStream {
  /** The memory of a chunk that was yielded may be used again. */
  recycle(chunk: Uint8Array): void;
}

const terminalByCode: readonly boolean[] = Array.from({ length: 256 }, (_, code) => {
  const name = frameNameByCode.get(code);
  return name !== undefined && frameShapes[name].terminal === true;
});

/**
 * One byte stream with its channels: routes frames to handlers, and ends everything at once when the stream breaks or
 * the guest breaks the rules. Nothing but this connection is harmed by what comes over it.
 */
export class Connection implements ChannelLink, FrameReceiver {
  readonly #stream: ByteStream;
  readonly #recycle: ((chunk: Uint8Array) => void) | undefined;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #table = new ChannelTable();
  readonly #control: ChannelHandler;
  readonly #closed = new Settlement<Error | undefined>();
  /** Takes the data of the current data frame; undefined when its channel has ended. */
  #dataHandler: ChannelHandler | undefined;
  #failure: Error | undefined;

  /** `control` takes the frames of channel 0. */
  constructor(stream: ByteStream | RecyclingStream, control: ChannelHandler) {
    this.#stream = stream;
    this.#recycle =
      'recycle' in stream
        ? (chunk): void => {
            stream.recycle(chunk);
          }
        : undefined;
    this.#control = control;
    this.#reader = new FrameReader(this);
    this.#writer = new FrameWriter(stream, (error) => {
      this.fail(transportError(error));
    });
  }

  /** Why the connection is gone, once it is. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  get room(): Promise<void> | undefined {
    return this.#writer.room;
  }

  /** Reads until the end. To be called once. */
  async run(): Promise<void> {
    try {
      for await (const chunk of this.#stream) {
        const isKept = this.#reader.feed(chunk);
        if (this.#failure !== undefined) return;
        if (!isKept) this.#recycle?.(chunk);
      }
      this.fail(channelClosed('closed by the guest'));
    } catch (error) {
      this.fail(transportError(error));
    }
  }

  send(frame: Uint8Array): void {
    this.#writer.send(frame);
  }

  /**
   * Opens a channel with its first frame.
   *
   * @throws what `encode` throws, `guest.exhausted`, or the failure of the connection.
   */
  open(handler: ChannelHandler, encode: (channel: number) => Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    const channel = this.#table.nextId();
    const frame = encode(channel);
    this.#table.open(channel, handler);
    this.#writer.send(frame);
    return channel;
  }

  frame(code: number, channel: number, payload: Uint8Array): void {
    if (channel === 0) return this.#control.frame(code, payload);
    const handler = this.#table.find(channel);
    if (handler === undefined) return;
    if (terminalByCode[code] === true) this.#end(channel, handler, code, payload);
    else handler.frame(code, payload);
  }

  dataStart(code: number, channel: number, length: number): void {
    const handler = channel === 0 ? this.#control : this.#table.find(channel);
    this.#dataHandler = handler;
    handler?.dataStart(code, length);
  }

  data(bytes: Uint8Array): boolean {
    return this.#dataHandler?.data(bytes) === true;
  }

  /** Ends the connection and every call in flight. `asked` when the caller wanted it. */
  fail(error: Error, asked = false): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#reader.stop();
    this.#writer.close();
    this.#control.fail(error);
    this.#table.failAll(error);
    this.#closed.resolve(asked ? undefined : error);
    this.#stream.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.fail(channelClosed('closed by this side'), true);
    await this.#stream.close().catch(() => undefined);
  }

  /** The id is free before the handler hears of the end. A handler that then finds fault is not in the table any more. */
  #end(channel: number, handler: ChannelHandler, code: number, payload: Uint8Array): void {
    this.#table.end(channel);
    try {
      handler.frame(code, payload);
    } catch (error) {
      handler.fail(transportError(error));
      throw error;
    }
  }
}
