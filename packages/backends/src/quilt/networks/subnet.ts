import { readFileSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';

/** A range of IPv4 addresses. */
export interface Subnet {
  /** Lowest address, as a number. */
  readonly base: number;
  /** Length of the prefix. */
  readonly bits: number;
}

/** What may be asked for: addresses that are nobody's on the internet (RFC 1918, RFC 6598). */
const privateRanges: readonly Subnet[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
].map((text) => parseSubnet(text));

/** Where networks are put that ask for nothing: 256 of 254 addresses, away from what Docker and Podman take. */
const pool: Subnet = { base: parseAddress('10.209.0.0') ?? 0, bits: 16 };
const poolBits = 24;

export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts?.some((part) => part > 255) !== false) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export function formatSubnet({ base, bits }: Subnet): string {
  return `${formatAddress(base)}/${bits}`;
}

/** @throws SovereignError `argument.invalid` */
export function parseSubnet(text: string): Subnet {
  const match = /^([0-9.]{7,15})\/(\d{1,2})$/.exec(text);
  const base = parseAddress(match?.[1] ?? '');
  const bits = Number(match?.[2]);
  if (base === undefined || !(bits >= 8 && bits <= 30) || base % 2 ** (32 - bits) !== 0)
    throw invalidSubnet(text, 'a network as 10.1.2.0/24 expected, with a prefix of 8 to 30');
  return { base, bits };
}

/** @throws SovereignError `argument.invalid` for addresses that somebody on the internet has */
export function checkPrivate(subnet: Subnet): void {
  const isWithin = privateRanges.some((range) => subnet.bits >= range.bits && overlap(subnet, range));
  if (!isWithin) throw invalidSubnet(formatSubnet(subnet), 'a private range expected');
}

export function overlap(one: Subnet, other: Subnet): boolean {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.base / size) === Math.floor(other.base / size);
}

/** The first range of the pool that is free. @throws SovereignError `network.conflict` when none is */
export function freeSubnet(taken: readonly Subnet[]): Subnet {
  const size = 2 ** (32 - poolBits);
  for (let base = pool.base; base < pool.base + 2 ** (32 - pool.bits); base += size) {
    const subnet = { base, bits: poolBits };
    if (!taken.some((other) => overlap(subnet, other))) return subnet;
  }
  throw subnetConflict(pool, 'all its ranges are taken');
}

/** @throws SovereignError `network.conflict` */
export function checkFree(subnet: Subnet, taken: readonly Subnet[], whose: string): void {
  const other = taken.find((range) => overlap(subnet, range));
  if (other !== undefined) throw subnetConflict(subnet, `it overlaps ${formatSubnet(other)} of ${whose}`);
}

/** What this host routes somewhere by itself; its way to everywhere else does not count. */
export function hostSubnets(table: string = readFileSync('/proc/net/route', 'latin1')): readonly Subnet[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .map((fields) => ({ base: hexAddress(fields[1] ?? ''), mask: hexAddress(fields[7] ?? '') }))
    .filter(({ mask }) => mask > 0)
    .map(({ base, mask }) => ({ base, bits: mask.toString(2).replace(/0+$/, '').length }));
}

/** The kernel prints the bytes of an address backwards. */
function hexAddress(text: string): number {
  const bytes = /^([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})$/.exec(text)?.slice(1) ?? [];
  return bytes.reduceRight((address, byte) => address * 256 + Number.parseInt(byte, 16), 0);
}

function invalidSubnet(text: string, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `This is no subnet for a network: ${JSON.stringify(text.slice(0, 64))} (${expected}).`,
    hint: 'Leave it out, and a free one is taken.',
  });
}

function subnetConflict(subnet: Subnet, why: string): SovereignError {
  return new SovereignError({
    reason: 'network.conflict',
    message: `${formatSubnet(subnet)} cannot be used: ${why}.`,
    hint: 'Choose another subnet, or leave it out.',
    context: { subnet: formatSubnet(subnet) },
  });
}
