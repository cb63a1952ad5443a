import type { BrokeredSandbox, IncomingTunnel, LinkRecord, Tunnel, TunnelListener } from '@sovereign/core';
import { Carried } from './carried.ts';
import { Kept, presence, type Opened } from './kept.ts';
import { linkNames } from './link-address.ts';

/** Connections that one link carries at once. */
const maxConnections = 256;
/** For what answers in the target. */
const dialTimeoutMs = 10_000;

export interface LinkInit {
  readonly from: BrokeredSandbox;
  readonly to: BrokeredSandbox;
  readonly port: number;
  /** Loopback address inside `from`. */
  readonly address: string;
  /** One of both does not exist any more. */
  readonly onGone: (sandbox: BrokeredSandbox) => void;
  readonly onChange: () => void;
}

/** A way from one sandbox to one port of another, whatever tiers they are on. */
export class Link {
  readonly from: BrokeredSandbox;
  readonly to: BrokeredSandbox;
  readonly port: number;
  readonly address: string;
  readonly #carried = new Carried(maxConnections);
  #door: Kept<TunnelListener> | undefined;
  #target: Kept<Opened> | undefined;

  private constructor(init: LinkInit) {
    this.from = init.from;
    this.to = init.to;
    this.port = init.port;
    this.address = init.address;
  }

  /** @throws what listening inside `from` throws */
  static async open(init: LinkInit): Promise<Link> {
    const { from, to, port, address, onGone, onChange } = init;
    const link = new Link(init);
    link.#target = await Kept.open({ sandbox: to, open: presence, onGone: () => onGone(to), onChange });
    try {
      link.#door = await Kept.open({
        sandbox: from,
        open: (channel) =>
          channel.tunnels.listen({
            address: { kind: 'tcp', host: address, port },
            names: linkNames(to),
            onConnection: (incoming) => void link.#serve(incoming).catch(() => undefined),
          }),
        onGone: () => onGone(from),
        onChange,
      });
    } catch (error) {
      await link.#target.close();
      throw error;
    }
    return link;
  }

  get record(): LinkRecord {
    const { from, to, port, address } = this;
    const listener = this.#door?.opened;
    const isOpen = listener !== undefined && this.#target?.opened !== undefined;
    return {
      from: from.id,
      to: to.id,
      port,
      address,
      names: listener?.isNamed === true ? linkNames(to) : [],
      state: isOpen ? 'open' : 'waiting',
    };
  }

  /** One connection to the target, for whoever in `from` asks for it by name in another way. */
  async dial(): Promise<Tunnel> {
    const channel = await this.to.channel();
    return channel.tunnels.dial({ kind: 'tcp', port: this.port }, AbortSignal.timeout(dialTimeoutMs));
  }

  async revive(): Promise<void> {
    await Promise.all([this.#door?.revive(), this.#target?.revive()]);
  }

  /** Open connections break at once. */
  async close(): Promise<void> {
    this.#carried.close();
    await Promise.all([this.#door?.close(), this.#target?.close()]);
  }

  async #serve(incoming: IncomingTunnel): Promise<void> {
    if (!this.#carried.reserve()) {
      incoming.refuse();
      return;
    }
    let far: Tunnel;
    let near: Tunnel;
    try {
      far = await this.dial();
      try {
        near = await incoming.accept();
      } catch (error) {
        far.reset();
        throw error;
      }
    } catch (error) {
      // Nothing answers there: the client sees its connection reset.
      this.#carried.giveBack();
      incoming.refuse();
      throw error;
    }
    await this.#carried.join(near, far);
  }
}
