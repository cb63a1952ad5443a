import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { parseBoundedJson } from '@sovereign/core';

/** Files of a TLS connection (PEM). */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where an engine listens, and who said so. */
export type EngineAddress = { readonly source: string } & (
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles }
  | { readonly kind: 'ssh'; readonly host: string; readonly port: number; readonly user: string }
);

export interface EngineSearch {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** `DOCKER_HOST` of an option; before everything else. */
  readonly host?: string;
}

const contextLimits = { maxBytes: 1_048_576, maxDepth: 32 } as const;

/**
 * Finds the engine as the `docker` command does: `DOCKER_HOST`, the context that is named or current, the usual
 * sockets; then those of Podman. What is named is taken, also when nothing is there: another engine never stands in.
 *
 * @returns undefined when nothing is named and no socket is in a usual place.
 * @throws SovereignError `config.invalid` for an address or a context that cannot be read
 */
export function findEngine(search: EngineSearch): EngineAddress | undefined {
  const { env, home } = search;
  if (isGiven(search.host)) return parseAddress(search.host, 'option', env);
  const dockerHost = env['DOCKER_HOST'];
  if (isGiven(dockerHost)) return parseAddress(dockerHost, 'DOCKER_HOST', env);
  const context = contextAddress(search);
  if (context !== undefined) return context;
  const runtime = env['XDG_RUNTIME_DIR'];
  const usual = [
    '/var/run/docker.sock',
    ...(isGiven(runtime) ? [join(runtime, 'docker.sock')] : []),
    join(home, '.docker', 'run', 'docker.sock'),
  ];
  const socket = usual.find((path) => existsSync(path));
  if (socket !== undefined) return { kind: 'socket', path: socket, source: 'usual place' };
  const containerHost = env['CONTAINER_HOST'];
  if (isGiven(containerHost)) return parseAddress(containerHost, 'CONTAINER_HOST', env);
  const podman = [
    ...(isGiven(runtime) ? [join(runtime, 'podman', 'podman.sock')] : []),
    '/run/podman/podman.sock',
  ].find((path) => existsSync(path));
  return podman === undefined ? undefined : { kind: 'socket', path: podman, source: 'usual place' };
}

/** An address as people write it: `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host`. */
export function parseAddress(
  text: string,
  source: string,
  env: EngineSearch['env'],
  tls: TlsFiles | undefined = tlsOfEnvironment(env),
): EngineAddress {
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (path.startsWith('/')) return { kind: 'socket', path, source };
    throw badAddress(text, source);
  }
  const withScheme = text.includes('://') ? text : `tcp://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw badAddress(text, source);
  }
  if (url.hostname === '') throw badAddress(text, source);
  if (url.protocol === 'ssh:') {
    return { kind: 'ssh', host: url.hostname, port: Number(url.port || 22), user: url.username, source };
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) throw badAddress(text, source);
  const port = Number(url.port || (tls === undefined ? 2375 : 2376));
  return { kind: 'tcp', host: url.hostname, port, ...(tls && { tls }), source };
}

/** One line for people; holds no secret. */
export function addressText(address: EngineAddress): string {
  return address.kind === 'socket' ? address.path : `${address.kind}://${address.host}:${address.port}`;
}

function contextAddress({ env, home }: EngineSearch): EngineAddress | undefined {
  const directory = isGiven(env['DOCKER_CONFIG']) ? env['DOCKER_CONFIG'] : join(home, '.docker');
  const named = env['DOCKER_CONTEXT'];
  const name = isGiven(named) ? named : textAt(readJson(join(directory, 'config.json')), 'currentContext');
  if (name === undefined || name === '' || name === 'default') return undefined;
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = readJson(join(directory, 'contexts', 'meta', hash, 'meta.json'));
  const host = textAt(meta, 'Endpoints', 'docker', 'Host');
  if (host === undefined) {
    throw new SovereignError({
      reason: 'config.invalid',
      message: `The Docker context ${JSON.stringify(name.slice(0, 64))} names no engine (a context of \`docker context ls\` expected).`,
      hint: 'Choose another: docker context use default',
    });
  }
  return parseAddress(
    host,
    `context ${name}`,
    env,
    tlsOf(join(directory, 'contexts', 'tls', hash, 'docker')),
  );
}

function tlsOfEnvironment(env: EngineSearch['env']): TlsFiles | undefined {
  const path = env['DOCKER_CERT_PATH'];
  return isGiven(path) ? tlsOf(path) : undefined;
}

function tlsOf(directory: string): TlsFiles | undefined {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => join(directory, name));
  if (ca === undefined || cert === undefined || key === undefined) return undefined;
  return [ca, cert, key].every((path) => existsSync(path)) ? { ca, cert, key } : undefined;
}

/** A file of Docker's configuration; undefined where there is none that can be read. */
function readJson(path: string): unknown {
  try {
    return parseBoundedJson(readFileSync(path, 'utf8'), contextLimits);
  } catch {
    return undefined;
  }
}

function textAt(value: unknown, ...names: readonly string[]): string | undefined {
  let at = value;
  for (const name of names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return typeof at === 'string' ? at : undefined;
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function badAddress(text: string, source: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `${source}: ${JSON.stringify(text.slice(0, 128))} (expected unix:///path, tcp://host:port or ssh://user@host).`,
    hint: 'Correct it, or unset it to use the engine of this host.',
  });
}
