import { expect, test } from 'vitest';
import { printable } from './printable.ts';

test('neutralises terminal escapes, line breaks and direction marks', () => {
  expect(printable('a\u001b[2Jb\nc\u202ed\u2028e\u009bf')).toBe('a�[2Jb�c�d�e�f');
});

test('cuts long text', () => {
  expect(printable('x'.repeat(1_000_000)).length).toBe(201);
});

test('leaves ordinary text of any language alone', () => {
  expect(printable('/tmp/Ünïcödé 日本 🙂')).toBe('/tmp/Ünïcödé 日本 🙂');
});
