/** Where a tunnel ends inside a guest: its own loopback, or a unix socket below the roots of file operations. */
export type GuestAddress =
  | {
      readonly kind: 'tcp';
      readonly port: number;
      /** In 127.0.0.0/8, or `::1`. Default `127.0.0.1`. */
      readonly host?: string;
    }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * One connection through the guest channel, both ways, each of which ends by itself.
 *
 * Iterating yields what comes from inside and ends when that side has ended; it throws `tunnel.reset` when the
 * connection broke. What is not iterated costs one window of memory at most and stops the sender inside.
 */
export interface Tunnel extends AsyncIterable<Uint8Array> {
  /**
   * Sends bytes, which must not be changed until the promise resolves: when more would be accepted.
   *
   * @throws SovereignError `tunnel.reset`, `channel.closed`
   */
  write(bytes: Uint8Array): Promise<void>;
  /** No more bytes come from this side. Safe to call twice. */
  end(): void;
  /** Breaks the connection off, for both sides at once. Safe to call twice, and after the end. */
  reset(): void;
  /** Resolves when nothing more goes either way: undefined after both ends, else why it broke. */
  readonly closed: Promise<Error | undefined>;
}

/** A connection that somebody inside made to a listener of ours. It waits until it is taken or refused. */
export interface IncomingTunnel {
  /** @throws SovereignError `tunnel.refused` when it is gone, `guest.exhausted` */
  accept(): Promise<Tunnel>;
  refuse(): void;
}

export interface ListenOptions {
  readonly address: GuestAddress;
  /** Connections that wait inside to be taken; further ones wait in the guest's kernel. Default 32, at most 64. */
  readonly backlog?: number;
  /** Names that resolve to the address inside while it lasts, at most 8. Default: none. */
  readonly names?: readonly string[];
  /** Called for each connection. What it throws is swallowed: the connection is then refused. */
  readonly onConnection: (incoming: IncomingTunnel) => void;
}

export interface TunnelListener {
  /** The port that was taken; 0 for a unix socket. */
  readonly port: number;
  /** False when the guest has no hosts file of ours: the names do not resolve there. */
  readonly isNamed: boolean;
  /** Stops listening; connections that wait are reset, those that were taken go on. */
  close(): Promise<void>;
  /** Resolves when it has stopped: undefined after `close`, else why. */
  readonly closed: Promise<Error | undefined>;
}

/** Connections into a guest and out of it, over its channel: no network card is needed on either side. */
export interface GuestTunnels {
  /** @throws SovereignError `port.taken`, `file.denied`, `guest.exhausted`, `argument.invalid`, `capability.missing` */
  listen(options: ListenOptions): Promise<TunnelListener>;
  /** @throws SovereignError `tunnel.refused`, `guest.exhausted`, `argument.invalid`, `operation.cancelled`, `capability.missing` */
  dial(address: GuestAddress, signal?: AbortSignal): Promise<Tunnel>;
}
