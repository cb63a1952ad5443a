import { UsageError } from '../errors/usage-error.ts';

/** A port of a sandbox and where it is to be reached. */
export interface PublishValue {
  readonly port: number;
  readonly hostPort: number;
  readonly hostAddress: string;
}

/** `PORT`, `HOSTPORT:PORT`, `ADDRESS:HOSTPORT:PORT` or `ADDRESS::PORT`; IPv6 in brackets. @throws UsageError */
export function parsePublish(text: string, option: string): PublishValue {
  const match = /^(?:(?:(\[[^\]]+\]|[^:[\]]+):)?(\d*):)?(\d+)$/.exec(text);
  const [, address = '127.0.0.1', host = '', inner = ''] = match ?? [];
  const [port, hostPort] = [Number(inner), Number(host)];
  if (match !== null && port >= 1 && port <= 65_535 && hostPort <= 65_535)
    return { port, hostPort, hostAddress: address.replace(/^\[(.*)\]$/, '$1') };
  throw new UsageError(
    `${option}: ${text} (expected [[ADDRESS:]HOSTPORT:]PORT).`,
    'Write 8080:80, 127.0.0.1:8080:80, or 80 for any free port of this host.',
  );
}

/** A port. @throws UsageError */
export function parsePort(text: string, option: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`${option}: ${text} (expected a port from 1 to 65535).`, 'Write 5432, for example.');
}
