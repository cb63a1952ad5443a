import { expect, test } from 'vitest';
import { summarize } from './stats.ts';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

test('p50 and p99 are samples, by nearest rank', () => {
  expect(summarize(hundred, 'lower')).toEqual({ count: 100, min: 1, p50: 50, p99: 99, max: 100 });
});

test('where more is better, p99 is the low side', () => {
  expect(summarize(hundred, 'higher')).toMatchObject({ p50: 50, p99: 1 });
});

test('one sample is all of them', () => {
  expect(summarize([7], 'lower')).toEqual({ count: 1, min: 7, p50: 7, p99: 7, max: 7 });
});

test('none is refused', () => {
  expect(() => summarize([], 'lower')).toThrow(RangeError);
});
