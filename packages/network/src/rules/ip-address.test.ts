import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBlock, formatIp, isInBlock, parseBlock, parseIp } from './ip-address.ts';

const v4 = fc.bigInt({ min: 0n, max: 0xffff_ffffn }).map((value) => ({ family: 4, value }) as const);
const v6 = fc
  .bigInt({ min: 0n, max: (1n << 128n) - 1n })
  .filter((value) => value >> 32n !== 0xffffn)
  .map((value) => ({ family: 6, value }) as const);

test('an address is read as it is written', () => {
  fc.assert(
    fc.property(fc.oneof(v4, v6), (address) => {
      expect(parseIp(formatIp(address))).toEqual(address);
    }),
  );
});

test('every spelling of IPv6 that the kernel knows is the same address', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const parsed = parseIp(text);
      expect(parsed && parseIp(formatIp(parsed))).toEqual(parsed);
    }),
  );
  expect(formatIp(parseIp('2001:DB8:0:0:1:0:0:1') ?? fail())).toBe('2001:db8::1:0:0:1');
  expect(formatIp(parseIp('::') ?? fail())).toBe('::');
});

test.each(['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:127.0.0.1', '::FFFF:7F00:0001'])(
  '%s is 127.0.0.1',
  (text) => {
    expect(formatIp(parseIp(text) ?? fail())).toBe('127.0.0.1');
  },
);

test.each([
  '127.1',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.0.0.1.',
  ' 127.0.0.1',
  '127.0.0.01',
  '256.0.0.1',
  '1.2.3',
  '::1%lo',
  'fe80::1%eth0',
  '[::1]',
  '::ffff:127.1',
  '',
  ':',
])('%j is no address', (text) => {
  expect(parseIp(text)).toBeUndefined();
});

test('a block holds exactly the addresses that agree in its bits', () => {
  fc.assert(
    fc.property(v4, fc.integer({ min: 0, max: 32 }), v4, (inside, bits, other) => {
      const shift = BigInt(32 - bits);
      const block = parseBlock(`${formatIp({ family: 4, value: (inside.value >> shift) << shift })}/${bits}`);
      if (block === undefined) return expect.unreachable();
      expect(isInBlock(inside, block)).toBe(true);
      expect(isInBlock(other, block)).toBe(other.value >> shift === inside.value >> shift);
      expect(isInBlock({ family: 6, value: inside.value }, block)).toBe(false);
      return undefined;
    }),
  );
  expect(formatBlock(parseBlock('::ffff:10.0.0.0/104') ?? fail())).toBe('10.0.0.0/8');
});

test.each([
  '10.0.0.1/8',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10/8',
  '::/129',
  '1.1.1.1/8/8',
])('%s is no block', (text) => {
  expect(parseBlock(text)).toBeUndefined();
});

function fail(): never {
  throw new Error('not parsed');
}
