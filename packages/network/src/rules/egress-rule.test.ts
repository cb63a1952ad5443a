import fc from 'fast-check';
import { verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { hasPort, matchesName, parseHost, parseName, parseRule } from './egress-rule.ts';

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const range = fc
  .tuple(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }))
  .map(([a, b]) => (a === b ? String(a) : `${Math.min(a, b)}-${Math.max(a, b)}`));
const ports = fc.oneof(
  fc.constant('*'),
  fc.array(range, { minLength: 1, maxLength: 4 }).map((list) => list.join(',')),
);
const target = fc.oneof(
  fc.constant('*'),
  name,
  name.map((text) => `*.${text}`),
  fc.ipV4(),
  fc.ipV6().map((text) => `[${text}]`),
);

test('a rule in its usual spelling is read as the same rule', () => {
  fc.assert(
    fc.property(target, fc.option(ports), (where, which) => {
      const rule = parseRule(which === null ? where : `${where}:${which}`);
      expect(parseRule(rule.text)).toEqual(rule);
    }),
  );
});

test('no text makes anything but a rule or a clear error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), target), (text) => {
      try {
        expect(parseRule(parseRule(text).text).text).toBe(parseRule(text).text);
      } catch (error) {
        expect(error).toMatchObject({
          reason: 'argument.invalid',
          message: expect.stringContaining('rule') as string,
        });
      }
    }),
  );
});

test('without ports a rule means those of the web', () => {
  const rule = parseRule('example.com');
  expect(rule.text).toBe('example.com:80,443');
  expect([80, 443, 22, 8080].map((port) => hasPort(rule, port))).toEqual([true, true, false, false]);
  expect(hasPort(parseRule('example.com:8000-8099,22'), 8050)).toBe(true);
  expect(hasPort(parseRule('example.com:8000-8099,22'), 8100)).toBe(false);
});

verifies(
  'R-NEW-1',
  'a wildcard is every name below, and never the name itself or one that only ends like it',
  () => {
    const rule = parseRule('*.example.com');
    for (const inside of ['a.example.com', 'a.b.example.com']) expect(matchesName(rule, inside)).toBe(true);
    for (const outside of ['example.com', 'badexample.com', 'example.com.evil.org', 'a.example.org'])
      expect(matchesName(rule, outside)).toBe(false);
    expect(matchesName(parseRule('example.com'), 'a.example.com')).toBe(false);
  },
);

test.each([
  ['Example.COM', 'example.com'],
  ['example.com.', 'example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['_srv.example.com', '_srv.example.com'],
])('%s is the name %s', (text, expected) => {
  expect(parseName(text)).toBe(expected);
});

test.each([
  '',
  '.',
  'a..b',
  '-a.com',
  'a-.com',
  'exa mple.com',
  'exa\u0000mple.com',
  'a/b',
  'user@example.com',
  '127.1',
  '0x7f.1',
  '2130706433',
  '0177.0.0.01',
  'a.1',
  'a.0x1',
  '1.2.3.4.',
  'x'.repeat(64),
  `${'a.'.repeat(127)}com`,
])('%j is no name', (text) => {
  expect(parseName(text)).toBeUndefined();
});

test('a host of a request is an address, a name, or nothing', () => {
  expect(parseHost('[::1]')).toMatchObject({ address: { family: 6 } });
  expect(parseHost('::ffff:10.0.0.1')).toMatchObject({ address: { family: 4 } });
  expect(parseHost('10.0.0.1')).toMatchObject({ address: { family: 4 } });
  expect(parseHost('EXAMPLE.com.')).toEqual({ name: 'example.com' });
  for (const text of ['[10.0.0.1]', '[example.com]', '127.1', '0x7f000001', '[::1', '::1]', ''])
    expect(parseHost(text)).toBeUndefined();
});

test.each([
  '*.',
  '*.*',
  'a.*',
  '**',
  '*:0',
  '*:65536',
  '*:1-',
  '*:2-1',
  '*:80,',
  '*:',
  '[::1',
  '[example.com]:80',
  '10.0.0.1/8',
  'http://a.com',
])('%j is no rule', (text) => {
  expect(() => parseRule(text)).toThrow(/malformed/);
});
