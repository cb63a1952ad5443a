import { encodeFrame } from '@sovereign/protocol';
import type { ChannelLink } from './channel-handler.ts';
import { OutboundCredit } from './credit.ts';
import { Settlement } from './settlement.ts';

/** Data goes out in frames of at most this size, so that channels take turns. */
const maxPieceBytes = 262_144;

type DataFrame = 'exec.stdin' | 'file.data' | 'tunnel.data';
type EndFrame = 'exec.stdinEnd' | 'file.commit' | 'tunnel.end';

interface Item {
  readonly data: Uint8Array;
  sentBytes: number;
  readonly after: EndFrame | undefined;
  readonly sent: Settlement<void>;
}

/** Sends the data of one channel (stdin, content of a file, a tunnel) in order, within the credit of the guest and the room of the stream. */
export class DataSender {
  readonly #link: ChannelLink;
  readonly #frame: DataFrame;
  readonly #credit: OutboundCredit;
  readonly #items: Item[] = [];
  readonly #onRoom = (): void => {
    this.#isWaitingForRoom = false;
    this.#pump();
  };
  #channel = 0;
  #isWaitingForRoom = false;
  #failure: Error | undefined;
  #hasEnd = false;

  constructor(link: ChannelLink, frame: DataFrame, windowBytes: number) {
    this.#link = link;
    this.#frame = frame;
    this.#credit = new OutboundCredit(windowBytes);
  }

  /** The channel takes data from now on; what was given before has waited. */
  open(channel: number): void {
    this.#channel = channel;
    this.#pump();
  }

  /** The frame that ends the data was given: nothing may follow it. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  /**
   * Sends bytes, which must not be changed until the promise resolves: when they were sent and more would be accepted.
   * `after` is the frame that ends the data; it follows them at once.
   */
  send(data: Uint8Array, after?: EndFrame): Promise<void> {
    const item: Item = { data, sentBytes: 0, after, sent: new Settlement<void>() };
    if (this.#failure !== undefined) item.sent.reject(this.#failure);
    else {
      this.#hasEnd ||= after !== undefined;
      this.#items.push(item);
      this.#pump();
    }
    return item.sent.promise;
  }

  /** @throws SovereignError `channel.protocol` for an absurd grant. */
  grant(bytes: number): void {
    this.#credit.grant(bytes);
    this.#pump();
  }

  /** Nothing more can be sent. What was sent whole counts as sent; the rest fails. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const item of this.#items.splice(0)) {
      if (item.sentBytes === item.data.length) item.sent.resolve();
      else item.sent.reject(error);
    }
  }

  #pump(): void {
    if (this.#channel === 0) return;
    for (let item = this.#items[0]; item !== undefined; item = this.#items[0]) {
      while (item.sentBytes < item.data.length) {
        if (this.#mustWait()) return;
        const end = Math.min(
          item.data.length,
          item.sentBytes + maxPieceBytes,
          item.sentBytes + this.#credit.left,
        );
        this.#credit.take(end - item.sentBytes);
        this.#link.send(
          encodeFrame(this.#frame, this.#channel, { data: item.data.subarray(item.sentBytes, end) }),
        );
        item.sentBytes = end;
      }
      if (item.after !== undefined) this.#link.send(encodeFrame(item.after, this.#channel, {}));
      else if (this.#mustWait()) return;
      this.#items.shift();
      item.sent.resolve();
    }
  }

  #mustWait(): boolean {
    const room = this.#link.room;
    if (room !== undefined && !this.#isWaitingForRoom) {
      this.#isWaitingForRoom = true;
      void room.then(this.#onRoom);
    }
    return room !== undefined || this.#credit.left === 0;
  }
}
