import net from 'node:net';
import { SovereignError } from '@sovereign/protocol';
import { formatIp, type IpAddress } from '../rules/ip-address.ts';

/**
 * Connects to exactly this address: nothing is resolved again between the judgement and the connection.
 *
 * @throws SovereignError `tunnel.refused`
 */
export function connectOutside(address: IpAddress, port: number, timeoutMs: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const host = formatIp(address);
    const socket = net.connect({ host, port, family: address.family, allowHalfOpen: true });
    const timer = setTimeout(() => {
      fail('no answer in time');
    }, timeoutMs);
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        new SovereignError({
          reason: 'tunnel.refused',
          message: `Nothing accepts the connection: ${host}, port ${port} (${why}).`,
          hint: 'Check that the server is up and reachable from this host.',
        }),
      );
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      fail(error.code ?? error.message);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}
