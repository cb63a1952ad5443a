import { decodeFrame, encodeFrame, frames } from '@sovereign/protocol';
import type { IncomingTunnel, ListenOptions, Tunnel, TunnelListener } from '@sovereign/core';
import type { ChannelHandler } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';
import type { Connection } from './connection.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';
import { TunnelChannel, tunnelWindowBytes } from './tunnel-channel.ts';

/** One listener inside the guest, on its channel. */
export class ListenerChannel implements TunnelListener, ChannelHandler {
  readonly #connection: Connection;
  readonly #backlog: number;
  readonly #onConnection: ListenOptions['onConnection'];
  readonly #listening = new Settlement<TunnelListener>();
  readonly #closed = new Settlement<Error | undefined>();
  /** Announced, and neither taken nor refused yet. */
  readonly #waiting = new Set<number>();
  #channel = 0;
  #lastConnection = 0;
  #port = 0;
  #isNamed = false;
  #isClosing = false;

  constructor(connection: Connection, backlog: number, onConnection: ListenOptions['onConnection']) {
    this.#connection = connection;
    this.#backlog = backlog;
    this.#onConnection = onConnection;
  }

  /** Resolves when it listens. */
  open(encode: (channel: number) => Uint8Array): Promise<TunnelListener> {
    this.#channel = this.#connection.open(this, encode);
    return this.#listening.promise;
  }

  get port(): number {
    return this.#port;
  }

  get isNamed(): boolean {
    return this.#isNamed;
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  async close(): Promise<void> {
    if (!this.#isClosing && !this.#closed.isSettled) {
      this.#isClosing = true;
      this.#connection.send(encodeFrame('cancel', this.#channel, {}));
    }
    await this.#closed.promise;
  }

  frame(code: number, payload: Uint8Array): void {
    if (code === frames.refused.code && !this.#listening.isSettled) {
      this.fail(readRefusal('tunnel.listen', payload));
    } else if (code === frames['tunnel.listening'].code && !this.#listening.isSettled) {
      const { port, isNamed } = decodeFrame('tunnel.listening', payload);
      this.#port = port;
      this.#isNamed = isNamed === 1;
      this.#listening.resolve(this);
    } else if (code === frames['tunnel.incoming'].code && this.#listening.isSettled) {
      this.#onIncoming(decodeFrame('tunnel.incoming', payload).connection);
    } else if (code === frames.done.code && this.#isClosing) {
      decodeFrame('done', payload);
      this.#closed.resolve(undefined);
    } else {
      throw protocolViolation(`frame of type 0x${code.toString(16)} on the channel of a listener`);
    }
  }

  dataStart(): void {
    throw protocolViolation('data on the channel of a listener');
  }

  data(): boolean {
    return false;
  }

  fail(error: Error): void {
    this.#waiting.clear();
    this.#listening.reject(error);
    this.#closed.resolve(error);
  }

  #onIncoming(connection: number): void {
    // SAFETY: what waits is bounded by the backlog that was asked for, whatever the guest announces;
    // hostile-guest.test.ts holds it.
    if (this.#waiting.size >= this.#backlog)
      throw protocolViolation(`more connections wait than the ${this.#backlog} asked for`);
    if (connection <= this.#lastConnection) throw protocolViolation('a connection is announced twice');
    this.#lastConnection = connection;
    this.#waiting.add(connection);
    if (this.#isClosing) return;
    const incoming: IncomingTunnel = {
      accept: () => this.#accept(connection),
      refuse: () => {
        this.#refuse(connection);
      },
    };
    try {
      this.#onConnection(incoming);
    } catch {
      incoming.refuse();
    }
  }

  async #accept(connection: number): Promise<Tunnel> {
    this.#waiting.delete(connection);
    return new TunnelChannel(this.#connection, 'tunnel.accept').open((channel) =>
      encodeFrame('tunnel.accept', channel, {
        listener: this.#channel,
        connection,
        credit: tunnelWindowBytes,
      }),
    );
  }

  #refuse(connection: number): void {
    if (!this.#waiting.delete(connection) || this.#isClosing) return;
    this.#connection.send(encodeFrame('tunnel.refuse', this.#channel, { connection }));
  }
}
