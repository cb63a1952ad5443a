import { domainToASCII } from 'node:url';
import { SovereignError } from '@sovereign/protocol';
import { formatBlock, isInBlock, parseBlock, parseIp, type IpAddress, type IpBlock } from './ip-address.ts';

/** Ports from `low` to `high`, both included. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** Where a rule leads. */
export type RuleTarget =
  /** One name. */
  | { readonly kind: 'name'; readonly name: string }
  /** Every name below it, itself excluded. */
  | { readonly kind: 'below'; readonly name: string }
  /** Every name. */
  | { readonly kind: 'anyName' }
  /** Addresses by number, and the only way to those that are not public. */
  | { readonly kind: 'block'; readonly block: IpBlock };

export interface EgressRule {
  /** In its usual spelling; parsing it gives the same rule. */
  readonly text: string;
  readonly target: RuleTarget;
  readonly ports: readonly PortRange[];
}

export const maxRuleChars = 512;
const maxRanges = 32;
const webPorts: readonly PortRange[] = [
  { low: 80, high: 80 },
  { low: 443, high: 443 },
];
const allPorts: PortRange = { low: 1, high: 65_535 };

/**
 * Reads one rule:
 *
 *     rule   = target [":" ports]
 *     target = name | "*." name | "*" | IPv4 ["/" bits] | "[" IPv6 ["/" bits] "]" | IPv6 ["/" bits]
 *     ports  = "*" | range *("," range)          range = port ["-" port]
 *
 * Without ports a rule means those of the web, 80 and 443. An IPv6 address without brackets takes no ports.
 *
 * @throws SovereignError `argument.invalid`
 */
export function parseRule(text: string): EgressRule {
  if (typeof text !== 'string' || text.length > maxRuleChars)
    throw invalidRule(text, 'a rule of at most 512 characters');
  const { targetText, portsText } = split(text.trim());
  const target = parseTarget(targetText, text);
  const ports = portsText === undefined ? webPorts : parsePorts(portsText, text);
  return { text: `${formatTarget(target)}:${formatPorts(ports)}`, target, ports };
}

function split(text: string): { readonly targetText: string; readonly portsText: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const inside = bracketed[1] ?? '';
    // Brackets are for IPv6; anything else in them is shown as it is and refused.
    return { targetText: inside.includes(':') ? inside : text, portsText: bracketed[2] };
  }
  const first = text.indexOf(':');
  if (first === -1 || first !== text.lastIndexOf(':')) return { targetText: text, portsText: undefined };
  return { targetText: text.slice(0, first), portsText: text.slice(first + 1) };
}

function parseTarget(text: string, rule: string): RuleTarget {
  if (text === '*') return { kind: 'anyName' };
  const block = parseBlock(text);
  if (block !== undefined) return { kind: 'block', block };
  if (text.includes('/') || text.includes(':'))
    throw invalidRule(
      rule,
      'a CIDR block whose bits below the prefix are zero, such as 10.0.0.0/8 or [fd00::/8]',
    );
  const isBelow = text.startsWith('*.');
  const name = parseName(isBelow ? text.slice(2) : text);
  if (name === undefined)
    throw invalidRule(rule, 'a name, *.name, an address or a CIDR block, then perhaps :ports');
  return { kind: isBelow ? 'below' : 'name', name };
}

/**
 * A host name as it is compared: lower case, ASCII (IDNA), without the final dot. Undefined for what is none, and for what
 * some programs would read as an address.
 */
export function parseName(text: string): string | undefined {
  const ascii = /^[\u0020-\u007e]*$/.test(text) ? text.toLowerCase() : domainToASCII(text);
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split('.');
  if (!labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return undefined;
  // SAFETY: WHATWG's "ends in a number": 127.1, 0x7f.1 and the like are addresses to some and names to others;
  // egress-rule.test.ts holds that they are refused.
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? undefined : name;
}

function parsePorts(text: string, rule: string): readonly PortRange[] {
  if (text === '*') return [allPorts];
  const parts = text.split(',');
  if (parts.length > maxRanges) throw invalidRule(rule, `at most ${maxRanges} port ranges`);
  return parts.map((part) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const low = Number(match?.[1]);
    const high = Number(match?.[2] ?? match?.[1]);
    if (match === null || low < 1 || high > 65_535 || low > high)
      throw invalidRule(rule, 'ports from 1 to 65535: 443, 8000-8099, 80,443 or *');
    return { low, high };
  });
}

function formatTarget(target: RuleTarget): string {
  switch (target.kind) {
    case 'anyName':
      return '*';
    case 'name':
      return target.name;
    case 'below':
      return `*.${target.name}`;
    case 'block': {
      const text = formatBlock(target.block);
      return target.block.base.family === 6 ? `[${text}]` : text;
    }
  }
}

function formatPorts(ports: readonly PortRange[]): string {
  return ports
    .map(({ low, high }) =>
      low === 1 && high === 65_535 ? '*' : low === high ? String(low) : `${low}-${high}`,
    )
    .join(',');
}

export function hasPort({ ports }: EgressRule, port: number): boolean {
  return ports.some(({ low, high }) => port >= low && port <= high);
}

/** Whether a rule for names allows this one. Both are as `parseName` gives them. */
export function matchesName({ target }: EgressRule, name: string): boolean {
  switch (target.kind) {
    case 'anyName':
      return true;
    case 'name':
      return target.name === name;
    case 'below':
      return name.endsWith(`.${target.name}`);
    case 'block':
      return false;
  }
}

/** Whether a rule for addresses allows this one. */
export function matchesAddress({ target }: EgressRule, address: IpAddress): boolean {
  return target.kind === 'block' && isInBlock(address, target.block);
}

/** A host as a request names it: an address, a name, or nothing that can be connected to. */
export function parseHost(
  text: string,
): { readonly address: IpAddress } | { readonly name: string } | undefined {
  const inner = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const address = parseIp(inner);
  if (address !== undefined) return inner === text || inner.includes(':') ? { address } : undefined;
  const name = parseName(text);
  return name === undefined ? undefined : { name };
}

function invalidRule(text: unknown, expected: string): SovereignError {
  const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : typeof text;
  return new SovereignError({
    reason: 'argument.invalid',
    message: `Egress rule ${shown} is malformed (expected ${expected}).`,
    hint: 'Write it as example.com, *.example.com:443, 10.0.0.0/8:5432 or [fd00::/8]:*.',
    context: { argument: 'rules' },
  });
}
