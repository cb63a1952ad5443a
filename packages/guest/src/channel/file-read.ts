import { decodeFrame, encodeFrame, frames } from '@sovereign/protocol';
import type { ChannelHandler } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';
import { ChunkQueue, isWorthKeeping } from './chunk-queue.ts';
import type { Connection } from './connection.ts';
import { InboundCredit } from './credit.ts';
import { readFileInfo } from './file-info.ts';
import { PullIterator, type PullSource } from './pull-iterator.ts';
import { readRefusal } from './refusal.ts';

export interface FileReadInit {
  readonly path: string;
  readonly offset: number;
  /** 0 means to the end. */
  readonly length: number;
  readonly windowBytes: number;
}

/** One file on its way from the guest to an iteration. At most the window waits here. */
export class FileRead implements ChannelHandler, PullSource<Uint8Array> {
  readonly iterator: PullIterator<Uint8Array> = new PullIterator<Uint8Array>(this);
  readonly #connection: Connection;
  readonly #credit: InboundCredit;
  readonly #queue = new ChunkQueue();
  #channel = 0;
  #receivedBytes = 0;
  #hasInfo = false;
  #hasEnded = false;
  #isLeft = false;

  constructor(connection: Connection, init: FileReadInit) {
    this.#connection = connection;
    this.#credit = new InboundCredit(init.windowBytes);
    try {
      const { path, offset, length, windowBytes } = init;
      this.#channel = connection.open(this, (channel) =>
        encodeFrame('file.read', channel, { path, offset, length, credit: windowBytes }),
      );
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  frame(code: number, payload: Uint8Array): void {
    if (code === frames.refused.code) {
      this.fail(readRefusal('file.read', payload));
    } else if (code === frames['file.info'].code && !this.#hasInfo) {
      readFileInfo(payload);
      this.#hasInfo = true;
    } else if (code === frames.done.code) {
      const { count } = decodeFrame('done', payload);
      if (!this.#isLeft && (!this.#hasInfo || count !== this.#receivedBytes)) {
        throw protocolViolation(
          `end of a file after ${this.#receivedBytes} bytes where ${count} were counted`,
        );
      }
      this.#hasEnded = true;
      this.iterator.end();
    } else {
      throw protocolViolation(`frame of type 0x${code.toString(16)} on the channel of a file that is read`);
    }
  }

  dataStart(code: number, length: number): void {
    if (code !== frames['file.data'].code || !this.#hasInfo)
      throw protocolViolation('data out of place on the channel of a file');
    this.#credit.receive(length);
  }

  data(bytes: Uint8Array): boolean {
    this.#receivedBytes += bytes.length;
    if (this.#isLeft) return false;
    if (!this.iterator.isWaiting) return this.#queue.push(0, bytes);
    const isKept = isWorthKeeping(bytes);
    this.#consume(bytes.length);
    this.iterator.deliver(isKept ? bytes : new Uint8Array(bytes));
    return isKept;
  }

  fail(error: Error): void {
    this.#hasEnded = true;
    this.iterator.end(error);
  }

  take(): Uint8Array | undefined {
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    this.#consume(queued.data.length);
    return queued.data;
  }

  leave(): undefined {
    if (this.#isLeft) return undefined;
    this.#isLeft = true;
    this.#queue.clear();
    if (!this.#hasEnded) this.#connection.send(encodeFrame('cancel', this.#channel, {}));
    this.iterator.end();
    return undefined;
  }

  #consume(bytes: number): void {
    const grant = this.#credit.consume(bytes);
    if (grant > 0 && !this.#hasEnded)
      this.#connection.send(encodeFrame('credit', this.#channel, { bytes: grant }));
  }
}
