import {
  channelLimits,
  decodeFrame,
  encodeFrame,
  frames,
  SovereignError,
  type FrameName,
} from '@sovereign/protocol';
import type { Tunnel } from '@sovereign/core';
import type { ChannelHandler } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';
import { ChunkQueue, isWorthKeeping } from './chunk-queue.ts';
import type { Connection } from './connection.ts';
import { InboundCredit } from './credit.ts';
import { DataSender } from './data-sender.ts';
import { errnoNames } from './errno-reasons.ts';
import { PullIterator, type PullSource } from './pull-iterator.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';

/** What of a tunnel may wait unread on this side: what the guest holds for it, too. */
export const tunnelWindowBytes: number = channelLimits.tunnelWindowBytes;

/** One tunnel on its channel, dialled or accepted. At most one window of it waits here. */
export class TunnelChannel implements Tunnel, ChannelHandler, PullSource<Uint8Array> {
  readonly #connection: Connection;
  readonly #request: FrameName;
  readonly #opened = new Settlement<Tunnel>();
  readonly #closed = new Settlement<Error | undefined>();
  readonly #credit = new InboundCredit(tunnelWindowBytes);
  readonly #sender: DataSender;
  readonly #queue = new ChunkQueue();
  readonly #iterator = new PullIterator<Uint8Array>(this);
  #channel = 0;
  /** The guest's side has ended. */
  #hasEnded = false;
  /** Cut off by this side: what still comes was on its way. */
  #isCut = false;
  /** The channel is gone. */
  #isOver = false;

  constructor(connection: Connection, request: 'tunnel.dial' | 'tunnel.accept') {
    this.#connection = connection;
    this.#request = request;
    this.#sender = new DataSender(connection, 'tunnel.data', channelLimits.tunnelWindowBytes);
  }

  /** Resolves when the connection is there. */
  open(encode: (channel: number) => Uint8Array): Promise<Tunnel> {
    this.#channel = this.#connection.open(this, encode);
    this.#sender.open(this.#channel);
    return this.#opened.promise;
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this.#iterator;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#sender.hasEnd) return Promise.reject(reset('written to after its end'));
    return this.#sender.send(bytes);
  }

  end(): void {
    if (!this.#sender.hasEnd) this.#sender.send(new Uint8Array(0), 'tunnel.end').catch(() => undefined);
  }

  reset(): void {
    if (this.#isOver || this.#isCut) return;
    this.#isCut = true;
    this.#connection.send(encodeFrame('cancel', this.#channel, {}));
    this.#break(reset('cut off by this side'));
  }

  frame(code: number, payload: Uint8Array): void {
    switch (code) {
      case frames.refused.code:
        if (this.#opened.isSettled && !this.#isCut) break;
        return this.fail(readRefusal(this.#request, payload));
      case frames['tunnel.open'].code:
        if (this.#opened.isSettled && !this.#isCut) break;
        return this.#opened.resolve(this);
      case frames.credit.code:
        return this.#sender.grant(decodeFrame('credit', payload).bytes);
      case frames['tunnel.end'].code:
        if (!this.#opened.isSettled || this.#hasEnded) break;
        this.#hasEnded = true;
        return this.#iterator.end();
      case frames['tunnel.reset'].code: {
        if (!this.#opened.isSettled) break;
        const { errno } = decodeFrame('tunnel.reset', payload);
        return this.fail(reset(errnoNames[errno] ?? `errno ${errno}`));
      }
      case frames.done.code:
        decodeFrame('done', payload);
        if (!this.#isCut && !(this.#hasEnded && this.#sender.hasEnd)) break;
        this.#isOver = true;
        this.#sender.fail(reset('it has ended'));
        return this.#closed.resolve(undefined);
    }
    throw protocolViolation(`frame of type 0x${code.toString(16)} out of place on the channel of a tunnel`);
  }

  dataStart(code: number, length: number): void {
    if (code !== frames['tunnel.data'].code || !this.#opened.isSettled || this.#hasEnded)
      throw protocolViolation('data out of place on the channel of a tunnel');
    this.#credit.receive(length);
  }

  data(bytes: Uint8Array): boolean {
    if (this.#isCut) return false;
    if (!this.#iterator.isWaiting) return this.#queue.push(0, bytes);
    const isKept = isWorthKeeping(bytes);
    this.#consume(bytes.length);
    this.#iterator.deliver(isKept ? bytes : new Uint8Array(bytes));
    return isKept;
  }

  fail(error: Error): void {
    this.#isOver = true;
    this.#break(error);
  }

  take(): Uint8Array | undefined {
    const queued = this.#queue.shift();
    if (queued === undefined) return undefined;
    this.#consume(queued.data.length);
    return queued.data;
  }

  /** What nobody reads any more is not to be taken for delivered. */
  leave(): undefined {
    this.reset();
    return undefined;
  }

  #break(error: Error): void {
    this.#queue.clear();
    this.#opened.reject(error);
    this.#sender.fail(error);
    this.#iterator.end(error);
    this.#closed.resolve(error);
  }

  #consume(bytes: number): void {
    const grant = this.#credit.consume(bytes);
    if (grant > 0 && !this.#isOver && !this.#isCut)
      this.#connection.send(encodeFrame('credit', this.#channel, { bytes: grant }));
  }
}

function reset(how: string): SovereignError {
  return new SovereignError({
    reason: 'tunnel.reset',
    message: `A connection through the guest broke: ${how}.`,
    hint: 'Connect again if it is still wanted.',
  });
}
