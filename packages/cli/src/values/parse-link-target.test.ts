import { expect, test } from 'vitest';
import { UsageError } from '../errors/usage-error.ts';
import { parseLinkTarget } from './parse-link-target.ts';

test.each([
  ['db', '5432'],
  ['db:5432', undefined],
])('%s %s', (word, port) => {
  expect(parseLinkTarget(word, port)).toEqual({ to: 'db', port: 5432 });
});

test.each([
  ['db', undefined],
  ['db:5432', '5432'],
  ['db:', undefined],
  [':5432', undefined],
  ['db:0', undefined],
  ['db:65536', undefined],
  ['a:b:1', undefined],
  ['db:x', undefined],
  ['db', 'x'],
])('%s %s is refused', (word, port) => {
  expect(() => parseLinkTarget(word, port)).toThrow(UsageError);
});
