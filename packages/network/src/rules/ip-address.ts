import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as a number. An IPv4 address that travels in an IPv6 one is the IPv4 address. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses: those that agree with `base` in the first `bits` bits. */
export interface IpBlock {
  readonly base: IpAddress;
  readonly bits: number;
}

const mappedPrefix = 0xffffn;
const u32 = 0xffff_ffffn;

/**
 * Reads an address in its usual spelling: four decimal numbers without leading zeros, or RFC 4291 without a zone. Other
 * spellings that some programs take (`127.1`, `0x7f000001`, `0177.0.0.1`, `2130706433`) are none.
 */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: parseV4(text) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return unwrapMapped(parseV6(text));
}

/** The IPv4 address within `::ffff:0:0/96`, which the kernel connects to as such. */
function unwrapMapped(value: bigint): IpAddress {
  return value >> 32n === mappedPrefix ? { family: 4, value: value & u32 } : { family: 6, value };
}

function parseV4(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseV6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<bigint>(Math.max(0, 8 - left.length - right.length)).fill(0n);
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | group, 0n);
}

/** Groups of 16 bits; an IPv4 address at the end is two of them. */
function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const v4 = parseV4(group);
    return [v4 >> 16n, v4 & 0xffffn];
  });
}

/** In its usual spelling: RFC 5952 for IPv6. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  const run = longestZeros(groups);
  if (run === undefined) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

function longestZeros(
  groups: readonly string[],
): { readonly start: number; readonly length: number } | undefined {
  let best: { readonly start: number; readonly length: number } | undefined;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length >= 2 && length > (best?.length ?? 0)) best = { start, length };
    start += length;
  }
  return best;
}

/**
 * Reads `address/bits`. Bits below the prefix must be zero: `10.0.0.1/8` is more likely a mistake than meant. A block within
 * `::ffff:0:0/96` is the block of IPv4.
 */
export function parseBlock(text: string): IpBlock | undefined {
  const [address = '', suffix, ...rest] = text.split('/');
  const base = parseIp(address);
  if (base === undefined || rest.length > 0) return undefined;
  const width = base.family === 4 ? 32 : 128;
  if (suffix === undefined) return { base, bits: width };
  if (!/^(0|[1-9]\d{0,2})$/.test(suffix)) return undefined;
  const isMapped = base.family === 4 && isIPv6(address);
  const bits = Number(suffix) - (isMapped ? 96 : 0);
  if (bits < 0 || bits > width) return undefined;
  return base.value & ((1n << BigInt(width - bits)) - 1n) ? undefined : { base, bits };
}

export function isInBlock(address: IpAddress, { base, bits }: IpBlock): boolean {
  if (address.family !== base.family) return false;
  const shift = BigInt((base.family === 4 ? 32 : 128) - bits);
  return address.value >> shift === base.value >> shift;
}

export function formatBlock({ base, bits }: IpBlock): string {
  const isWhole = bits === (base.family === 4 ? 32 : 128);
  return isWhole ? formatIp(base) : `${formatIp(base)}/${bits}`;
}
