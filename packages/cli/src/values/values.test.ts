import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors/usage-error.ts';
import { parseDuration } from './parse-duration.ts';
import { parseCount, parseNumber } from './parse-number.ts';
import { parseEnv, parseLabels } from './parse-pairs.ts';
import { parseSince } from './parse-since.ts';
import { parseSize } from './parse-size.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['30', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['0s', 0],
  ])('%s', (text, ms) => {
    expect(parseDuration(text, '--timeout')).toBe(ms);
  });

  test.each(['', 's', '-1s', '5 s', '5x', '1h!', 'm5'])('%s is refused', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(UsageError);
  });
});

describe('sizes', () => {
  test.each([
    ['1048576', 1_048_576],
    ['512k', 524_288],
    ['512m', 536_870_912],
    ['1.5G', 1_610_612_736],
    ['2GiB', 2_147_483_648],
    ['1b', 1],
  ])('%s', (text, bytes) => {
    expect(parseSize(text, '--memory')).toBe(bytes);
  });

  test.each(['', 'm', '-5', '5x', '1e9', '99999999999t'])('%s is refused', (text) => {
    expect(() => parseSize(text, '--memory')).toThrow(UsageError);
  });
});

test('numbers', () => {
  expect(parseCount('42', '--pids')).toBe(42);
  expect(parseNumber('0.5', '--cpus')).toBe(0.5);
  for (const text of ['', '-1', '1.5', 'x', '0x10'])
    expect(() => parseCount(text, '--pids')).toThrow(UsageError);
  for (const text of ['', '-1', 'x', '1.', 'Infinity'])
    expect(() => parseNumber(text, '--cpus')).toThrow(UsageError);
});

test('environment: a value, an empty value, a copy of ours, and what we do not have', () => {
  const own = { HOME: '/home/me' };
  expect(parseEnv(['A=1', 'B=', 'C=x=y', 'HOME', 'NONE', 'A=2'], own)).toEqual({
    A: '2',
    B: '',
    C: 'x=y',
    HOME: '/home/me',
  });
  expect(() => parseEnv(['=x'], own)).toThrow(UsageError);
});

test('labels', () => {
  expect(parseLabels(['a=1', 'b'])).toEqual({ a: '1', b: '' });
});

test('since: how long ago, or a date', () => {
  expect(parseSince('10m', '--since', 1_000_000)).toBe(400_000);
  expect(parseSince('2026-01-31T10:00:00Z', '--since', 0)).toBe(Date.UTC(2026, 0, 31, 10));
  expect(() => parseSince('2026-99-99', '--since', 0)).toThrow(UsageError);
});
