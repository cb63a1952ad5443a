import { channelLimits, encodeFrame, SovereignError, tunnelKinds } from '@sovereign/protocol';
import type { GuestAddress, GuestTunnels, ListenOptions, Tunnel, TunnelListener } from '@sovereign/core';
import { cancelled } from './channel-errors.ts';
import type { Connection } from './connection.ts';
import { TunnelChannel, tunnelWindowBytes } from './tunnel-channel.ts';
import { ListenerChannel } from './tunnel-listener.ts';

const defaultBacklog = 32;

/** Tunnels over one connection. */
export class ChannelTunnels implements GuestTunnels {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async listen(options: ListenOptions): Promise<TunnelListener> {
    const { backlog = defaultBacklog, names = [], onConnection } = options;
    if (!Number.isInteger(backlog) || backlog < 1 || backlog > channelLimits.maxTunnelBacklog)
      throw invalid('backlog', String(backlog), `1 to ${channelLimits.maxTunnelBacklog}`);
    if (names.length > channelLimits.maxTunnelNames)
      throw invalid('names', `${names.length} of them`, `at most ${channelLimits.maxTunnelNames}`);
    const where = whereOf(options.address, 0);
    return new ListenerChannel(this.#connection, backlog, onConnection).open((channel) =>
      encodeFrame('tunnel.listen', channel, { ...where, backlog, names }),
    );
  }

  async dial(address: GuestAddress, signal?: AbortSignal): Promise<Tunnel> {
    if (wasAborted(signal)) throw cancelled('tunnel.dial');
    const where = whereOf(address, 1);
    const tunnel = new TunnelChannel(this.#connection, 'tunnel.dial');
    const onAbort = (): void => {
      tunnel.reset();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await tunnel.open((channel) =>
        encodeFrame('tunnel.dial', channel, { ...where, credit: tunnelWindowBytes }),
      );
    } catch (error) {
      throw wasAborted(signal) ? cancelled('tunnel.dial') : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function wasAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function whereOf(
  address: GuestAddress,
  lowestPort: 0 | 1,
): { readonly kind: number; readonly port: number; readonly address: string } {
  if (address.kind === 'unix') return { kind: tunnelKinds.unix, port: 0, address: address.path };
  const { port, host = '' } = address;
  if (!Number.isInteger(port) || port < lowestPort || port > 65_535)
    throw invalid('port', String(port), `a whole number from ${lowestPort} to 65535`);
  return { kind: tunnelKinds.tcp, port, address: host };
}

function invalid(name: string, value: string, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${name}: ${value} (${expected}).`,
    hint: 'Correct the argument and call again.',
    context: { argument: name },
  });
}
