import { isInBlock, parseBlock, parseIp, type IpAddress, type IpBlock } from './ip-address.ts';

/** What an address is for. Only `public` ones are reached without being granted by number. */
export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'linkLocal'
  | 'metadata'
  | 'multicast'
  | 'carrierNat'
  | 'reserved'
  | 'ownHost';

/** Addresses of this host's interfaces, looked up when they matter. */
export type OwnAddresses = () => readonly IpAddress[];

/** Addresses at which clouds tell a machine its credentials. */
const metadata = ['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254'];

/** IANA's registries of special addresses (RFC 6890 and what it lists), the narrower first. */
const special: readonly (readonly [block: string, kind: AddressClass])[] = [
  ['0.0.0.0/8', 'loopback'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrierNat'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'linkLocal'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'reserved'],
  ['192.88.99.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'reserved'],
  ['198.51.100.0/24', 'reserved'],
  ['203.0.113.0/24', 'reserved'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'loopback'],
  ['::1/128', 'loopback'],
  ['fe80::/10', 'linkLocal'],
  ['fc00::/7', 'private'],
  ['ff00::/8', 'multicast'],
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'reserved'],
  ['3fff::/20', 'reserved'],
];

/** The tables above, parsed: when they are first asked, since most programs never do. */
interface ParsedTables {
  readonly metadata: readonly (IpAddress | undefined)[];
  readonly blocks: readonly (readonly [IpBlock, AddressClass])[];
  readonly globalUnicast: IpBlock;
  /** Ways of writing an IPv4 address into an IPv6 one, which a gateway unwraps: the block, and the bit where it begins. */
  readonly carriers: readonly (readonly [IpBlock, bigint])[];
}

let parsed: ParsedTables | undefined;

function tables(): ParsedTables {
  return (parsed ??= {
    metadata: metadata.map((text) => parseIp(text)),
    blocks: special.map(([text, kind]) => [block(text), kind]),
    globalUnicast: block('2000::/3'),
    carriers: [
      [block('64:ff9b::/96'), 0n],
      [block('2002::/16'), 80n],
      [block('::/96'), 0n],
    ],
  });
}

/**
 * What an address is for. `own` are those of this host's interfaces: a server on the host listens on them as well as on
 * loopback.
 */
export function addressClass(address: IpAddress, own: OwnAddresses = () => []): AddressClass {
  const { metadata: clouds, blocks, globalUnicast, carriers } = tables();
  if (clouds.some((one) => one?.family === address.family && one.value === address.value)) return 'metadata';
  const found = blocks.find(([candidate]) => isInBlock(address, candidate))?.[1];
  if (found !== undefined) return found;
  if (address.family === 6) {
    for (const [candidate, shift] of carriers) {
      if (!isInBlock(address, candidate)) continue;
      const inner = addressClass({ family: 4, value: (address.value >> shift) & 0xffff_ffffn }, own);
      return inner === 'public' ? 'reserved' : inner;
    }
    if (!isInBlock(address, globalUnicast)) return 'reserved';
  }
  return own().some((one) => one.family === address.family && one.value === address.value)
    ? 'ownHost'
    : 'public';
}

function block(text: string): IpBlock {
  const parsed = parseBlock(text);
  if (parsed === undefined) throw new Error(`not a block: ${text}`);
  return parsed;
}
