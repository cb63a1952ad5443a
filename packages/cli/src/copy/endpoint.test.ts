import { expect, test } from 'vitest';
import { parseEndpoint } from './endpoint.ts';

test.each([
  ['-', { kind: 'stream' }],
  ['a/b', { kind: 'host', path: 'a/b' }],
  ['./dev:x', { kind: 'host', path: './dev:x' }],
  ['/a:b', { kind: 'host', path: '/a:b' }],
  ['dev:/etc/x', { kind: 'sandbox', sandbox: 'dev', path: '/etc/x' }],
  ['dev:', { kind: 'sandbox', sandbox: 'dev', path: '.' }],
  ['dev:a:b', { kind: 'sandbox', sandbox: 'dev', path: 'a:b' }],
])('endpoint %s', (text, endpoint) => {
  expect(parseEndpoint(text)).toEqual(endpoint);
});
