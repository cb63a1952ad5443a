import type { RegistrySettings } from '@sovereign/core';
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Where one registry, or a mirror of it, is spoken to. */
export interface Endpoint {
  /** Host and port as credentials name it. */
  readonly host: string;
  /** URLs to try in this order until one answers; without a slash at the end. */
  readonly bases: readonly string[];
  readonly isInsecure: boolean;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Hosts whose name in references is not where they answer. */
const answersAt: ReadonlyMap<string, string> = new Map([['docker.io', 'registry-1.docker.io']]);

/**
 * The endpoints of a registry: its mirrors, then itself.
 *
 * SAFETY: plain HTTP only to loopback, or where the user's own configuration says so; tests/security/registry holds it.
 */
export function endpointsOf(
  registry: string,
  settings: Readonly<Record<string, RegistrySettings>>,
): readonly Endpoint[] {
  const own = Object.hasOwn(settings, registry) ? settings[registry] : undefined;
  const mirrors = (own?.mirrors ?? []).map((url) => mirrorEndpoint(url, settings));
  const host = answersAt.get(registry) ?? registry;
  const isInsecure = own?.isInsecure ?? isLoopback(host);
  const bases = isInsecure ? [`https://${host}`, `http://${host}`] : [`https://${host}`];
  return [...mirrors, { host: registry, bases, isInsecure }];
}

function mirrorEndpoint(url: string, settings: Readonly<Record<string, RegistrySettings>>): Endpoint {
  const { host } = new URL(url);
  const own = Object.hasOwn(settings, host) ? settings[host] : undefined;
  return {
    host,
    bases: [url.replace(/\/+$/, '')],
    isInsecure: url.startsWith('http:') || (own?.isInsecure ?? isLoopback(host)),
  };
}

/** Whether a host (with or without port) is this machine by its name alone: nothing is resolved. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost') return true;
  if (isIPv4(name)) return loopback.check(name, 'ipv4');
  return isIPv6(name) && loopback.check(name, 'ipv6');
}
