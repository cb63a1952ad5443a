import type { IncomingTunnel, Tunnel } from '@sovereign/core';
import { ByteReader } from './byte-reader.ts';
import type { EgressGate } from './egress-gate.ts';
import { serveHttp, type EgressSession } from './http-session.ts';
import type { EgressLimits } from './limits.ts';
import { serveSocks } from './socks-session.ts';

const socksVersion = 5;

/** Serves what comes to the proxy of one sandbox: HTTP and SOCKS5 on one port, told apart by the first byte. */
export class EgressProxy {
  readonly gate: EgressGate;
  readonly #limits: EgressLimits;
  readonly #open = new Set<Tunnel>();
  /** Taken, and not yet there. */
  #arriving = 0;
  #isClosed = false;

  constructor(gate: EgressGate, limits: EgressLimits) {
    this.gate = gate;
    this.#limits = limits;
  }

  take(incoming: IncomingTunnel): void {
    if (this.#isClosed || this.#open.size + this.#arriving >= this.#limits.maxConnections) {
      incoming.refuse();
      return;
    }
    this.#arriving++;
    void this.#serve(incoming).catch(() => undefined);
  }

  /** Cuts every open connection. */
  close(): void {
    this.#isClosed = true;
    for (const tunnel of this.#open) tunnel.reset();
  }

  async #serve(incoming: IncomingTunnel): Promise<void> {
    let near: Tunnel;
    try {
      near = await incoming.accept();
    } finally {
      this.#arriving--;
    }
    if (this.#isClosed) {
      near.reset();
      return;
    }
    this.#open.add(near);
    void near.closed.then(() => this.#open.delete(near));
    const deadline = setTimeout(() => {
      near.reset();
    }, this.#limits.headTimeoutMs);
    const session: EgressSession = {
      near,
      reader: new ByteReader(near),
      gate: this.gate,
      limits: this.#limits,
      onRequest: () => {
        clearTimeout(deadline);
      },
    };
    try {
      if (!(await session.reader.more())) near.reset();
      else if (session.reader.held[0] === socksVersion) await serveSocks(session);
      else await serveHttp(session);
    } catch {
      near.reset();
    } finally {
      clearTimeout(deadline);
      await this.#leave(near);
    }
  }

  /** After an answer that ended the session the client may still talk: it is given a moment to read the answer. */
  async #leave(near: Tunnel): Promise<void> {
    const timer = setTimeout(() => {
      near.reset();
    }, this.#limits.headTimeoutMs);
    await near.closed;
    clearTimeout(timer);
  }
}
