import type { BrokeredSandbox } from '@sovereign/core';

/** Loopback addresses for links: 127.64.0.0/10, without the proxy's. */
const firstOctet = 64;
const octets = 64;

/**
 * The address of a sandbox inside those that have a link to it: the same each time, unless it is taken by another one.
 */
export function linkAddress(id: string, isTaken: (address: string) => boolean): string {
  let hash = 0x811c_9dc5;
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193) >>> 0;
  for (;;) {
    const address = `127.${firstOctet + ((hash >>> 16) % octets)}.${(hash >>> 8) & 255}.${1 + (hash % 253)}`;
    if (!isTaken(address) && address !== proxyHost) return address;
    hash = (hash + 1) >>> 0;
  }
}

/** Names of the target of a link: its own, and its id. */
export function linkNames(to: BrokeredSandbox): readonly string[] {
  const { id, name } = to;
  return name === null || name === 'localhost' ? [id] : [name, id];
}

/** Where the egress proxy listens inside: an address of its own, so that it keeps no port of the guest's servers. */
export const proxyHost = '127.64.0.1';
export const proxyPort = 3_128;
