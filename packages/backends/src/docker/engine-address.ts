import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { findDockerContext } from './docker-context.ts';
import { findTlsFiles, type TlsFiles } from './tls-files.ts';

/** An engine that the user reaches by `ssh`. */
export interface SshAddress {
  readonly kind: 'ssh';
  readonly host: string;
  readonly port: number;
  /** Empty: whom the configuration of ssh names. */
  readonly user: string;
  /** Its socket on that host. Default: where its own command line finds it. */
  readonly path?: string;
}

/** Where an engine listens, and who said so. */
export type EngineAddress = { readonly source: string } & (
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles }
  | SshAddress
);

export interface EngineSearch {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** `DOCKER_HOST` of an option; before everything else. */
  readonly host?: string;
}

/** What decides whether a connection over TCP is TLS, besides the address itself. */
export interface TlsWish {
  /** Who asks for it: `DOCKER_TLS_VERIFY`. Undefined: nobody. */
  readonly askedBy?: string;
  /** Where its files are. */
  readonly directory?: string;
}

/** The port that is Docker's over TLS (IANA: docker-s). */
const tlsPort = 2376;
const plainPort = 2375;

/**
 * Finds the engine as the `docker` command does: `DOCKER_HOST`, the context that is named or current, the usual
 * sockets; then those of Podman. What is named is taken, also when nothing is there: another engine never stands in.
 *
 * @returns undefined when nothing is named and no socket is in a usual place.
 * @throws SovereignError `config.invalid` for an address or a context that cannot be read, or TLS without its files
 */
export function findEngine(search: EngineSearch): EngineAddress | undefined {
  const { env, home } = search;
  const directory = given(env['DOCKER_CONFIG']) ?? join(home, '.docker');
  const wish = tlsWish(env, directory);
  const host = given(search.host);
  if (host !== undefined) return parseAddress(host, 'option', wish);
  const dockerHost = given(env['DOCKER_HOST']);
  if (dockerHost !== undefined) return parseAddress(dockerHost, 'DOCKER_HOST', wish);
  const context = findDockerContext(directory, given(env['DOCKER_CONTEXT']));
  if (context !== undefined) {
    const source = `context ${context.name}`;
    const { tlsDirectory } = context;
    return parseAddress(
      context.host,
      source,
      tlsDirectory === undefined ? wish : { askedBy: source, directory: tlsDirectory },
    );
  }
  const runtime = given(env['XDG_RUNTIME_DIR']);
  const usual = [
    '/var/run/docker.sock',
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock')]),
    join(home, '.docker', 'run', 'docker.sock'),
  ];
  const socket = usual.find((path) => existsSync(path));
  if (socket !== undefined) return { kind: 'socket', path: socket, source: 'usual place' };
  const containerHost = given(env['CONTAINER_HOST']);
  if (containerHost !== undefined) return parseAddress(containerHost, 'CONTAINER_HOST', wish);
  const podman = [
    ...(runtime === undefined ? [] : [join(runtime, 'podman', 'podman.sock')]),
    '/run/podman/podman.sock',
  ].find((path) => existsSync(path));
  return podman === undefined ? undefined : { kind: 'socket', path: podman, source: 'usual place' };
}

/**
 * An address as people write it: `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host/run/docker.sock`.
 *
 * @throws SovereignError `config.invalid` for one that is none of these, and for TLS without its files
 */
export function parseAddress(text: string, source: string, wish: TlsWish = {}): EngineAddress {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (path.startsWith('/')) return { kind: 'socket', path, source };
    throw badAddress(text, source);
  }
  const url = parseUrl(text.includes('://') ? text : `tcp://${text}`);
  if (url === undefined || url.hostname === '') throw badAddress(text, source);
  // An IPv6 address stands in brackets in a URL, and only there.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'ssh:') return { ...sshAddress(text, source, url, host), source };
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw badAddress(text, source);
  const asks = wish.askedBy ?? tlsOf(url, source);
  const port = Number(url.port || (asks === undefined ? plainPort : tlsPort));
  if (asks === undefined) return { kind: 'tcp', host, port, source };
  return { kind: 'tcp', host, port, tls: findTlsFiles(wish.directory ?? '', asks), source };
}

/** One line for people; holds no secret. */
export function addressText(address: EngineAddress): string {
  if (address.kind === 'socket') return address.path;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.kind}://${host}:${address.port}`;
}

function tlsWish(env: EngineSearch['env'], configDirectory: string): TlsWish {
  const asking = ['DOCKER_TLS_VERIFY', 'DOCKER_TLS', 'DOCKER_CERT_PATH'].find(
    (name) => given(env[name]) !== undefined,
  );
  return {
    ...(asking !== undefined && { askedBy: asking }),
    directory: given(env['DOCKER_CERT_PATH']) ?? configDirectory,
  };
}

/** What of the address itself asks for TLS. */
function tlsOf(url: URL, source: string): string | undefined {
  if (url.protocol === 'https:') return `https:// in ${source}`;
  return url.port === String(tlsPort) ? `Port ${tlsPort} in ${source}` : undefined;
}

/**
 * SAFETY: host, user and path become words of the command line of ssh, which hands them to the user's own `ProxyCommand`
 * and to a shell over there: letters, digits and harmless signs only, and no word that could be an option. Held by
 * engine-address.test.ts.
 */
function sshAddress(text: string, source: string, url: URL, host: string): SshAddress {
  const [user, path] = [decoded(url.username), url.pathname === '/' ? '' : url.pathname];
  const isSafe =
    /^[\w:][\w.:-]*$/.test(host) && /^(?:\w[\w.+-]*)?$/.test(user) && /^(?:\/[\w./+-]*)?$/.test(path);
  if (!isSafe || url.password !== '') throw badAddress(text, source);
  return { kind: 'ssh', host, port: Number(url.port || 22), user, ...(path !== '' && { path }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function badAddress(text: string, source: string): SovereignError {
  // Someone's password may stand in it.
  const shown = text.replace(/\/\/[^/@]*:[^/@]*@/, '//…@').slice(0, 128);
  return new SovereignError({
    reason: 'config.invalid',
    message: `${source}: ${JSON.stringify(shown)} (expected unix:///path, tcp://host:port or ssh://user@host).`,
    hint: 'Correct it, or unset it to use the engine of this host.',
  });
}
