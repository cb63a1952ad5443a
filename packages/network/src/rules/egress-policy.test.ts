import fc from 'fast-check';
import { verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { EgressPolicy } from './egress-policy.ts';
import { parseIp, type IpAddress } from './ip-address.ts';

const none = () => [];

function ip(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Error(text);
  return address;
}

verifies('R-NEW-1', 'no rules allow nothing', () => {
  const policy = new EgressPolicy([]);
  fc.assert(
    fc.property(
      fc.domain(),
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.integer({ min: 1, max: 65_535 }),
      (name, text, port) => {
        expect(policy.judgeName(name, port).isAllowed).toBe(false);
        expect(policy.judgeNumber(ip(text), port, none).isAllowed).toBe(false);
      },
    ),
  );
});

verifies(
  ['R-NEW-1', 'R-NEW-6'],
  'a name is no way to an address that is not public, unless it is granted by number',
  () => {
    const policy = new EgressPolicy(['internal.example:5432', '*:443']);
    for (const text of [
      '10.0.0.5',
      '127.0.0.1',
      '169.254.169.254',
      '::1',
      '100.64.0.1',
      'fe80::1',
      '64:ff9b::7f00:1',
    ]) {
      const verdict = policy.judgeResolved(ip(text), 5432, none, 'internal.example:5432');
      expect(verdict).toMatchObject({ isAllowed: false, grant: expect.stringContaining('5432') as string });
      expect(policy.judgeNumber(ip(text), 443, none).isAllowed).toBe(false);
    }
    const granted = new EgressPolicy(['internal.example:5432', '10.0.0.0/8:5432']);
    expect(granted.judgeResolved(ip('10.0.0.5'), 5432, none, 'r').isAllowed).toBe(true);
    expect(granted.judgeResolved(ip('10.0.0.5'), 5433, none, 'r').isAllowed).toBe(false);
    expect(granted.judgeResolved(ip('11.0.0.5'), 5433, none, 'r').isAllowed).toBe(true);
  },
);

verifies('R-NEW-6', 'the grant that a denial names is exactly what allows it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (text, port) => {
      const verdict = new EgressPolicy([]).judgeNumber(ip(text), port, none);
      if (verdict.isAllowed) return expect.unreachable();
      const { rules } = new EgressPolicy([verdict.grant]);
      expect(rules).toHaveLength(1);
      const policy = new EgressPolicy([verdict.grant]);
      expect(policy.judgeNumber(ip(text), port, none).isAllowed).toBe(true);
      expect(policy.judgeNumber(ip(text), port === 1 ? 2 : port - 1, none).isAllowed).toBe(false);
      return undefined;
    }),
  );
});

test('any public address may be named by number under *, and only with its ports', () => {
  const policy = new EgressPolicy(['*:443']);
  expect(policy.judgeNumber(ip('1.1.1.1'), 443, none)).toEqual({ isAllowed: true, rule: '*:443' });
  expect(policy.judgeNumber(ip('1.1.1.1'), 80, none).isAllowed).toBe(false);
  expect(policy.judgeNumber(ip('5.6.7.8'), 443, () => [ip('5.6.7.8')]).isAllowed).toBe(false);
});

test('a block is no rule for names: what is not allowed by name is not looked up', () => {
  expect(new EgressPolicy(['0.0.0.0/0:*', '[::/0]:*']).judgeName('example.com', 443).isAllowed).toBe(false);
});

test('rules without end are refused', () => {
  expect(() => new EgressPolicy(new Array<string>(1_001).fill('a.com'))).toThrow(/too many/);
});
