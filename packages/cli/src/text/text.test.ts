import { describe, expect, test } from 'vitest';
import { formatAge, formatDuration, formatSize } from './format.ts';
import { neutralise } from './neutralise.ts';
import { table, width } from './table.ts';

describe('neutralise', () => {
  test('escapes, controls and direction marks become visible', () => {
    expect(neutralise('a\u001b[2Jb\rc\u0007d\u009be\u202ef')).toBe('a␛[2Jb\\x0dc\\x07d\\x9be\\u{202e}f');
  });

  test('line breaks and tabs stay only where they are wanted', () => {
    expect(neutralise('a\n\tb')).toBe('a\\x0a\\x09b');
    expect(neutralise('a\n\tb\u001bc', { keepsLines: true })).toBe('a\n\tb␛c');
  });

  test('half a surrogate is no character', () => {
    expect(neutralise('\ud800')).toBe('\\u{d800}');
  });

  test('ordinary text of any language stays', () => {
    expect(neutralise('Ünïcödé 日本 🙂')).toBe('Ünïcödé 日本 🙂');
  });
});

describe('table', () => {
  test('columns are as wide as their widest cell, nothing is left behind the last', () => {
    expect(
      table(
        ['ID', 'NAME'],
        [
          ['sbx', 'a'],
          ['x', ''],
        ],
      ),
    ).toBe('ID   NAME\nsbx  a\nx\n');
  });

  test('a cell cannot draw', () => {
    expect(table(['A'], [['x\u001b[31m\ny']])).toBe('A\nx␛[31m\\x0ay\n');
  });

  test('wide characters count twice', () => {
    expect([width('日本'), width('é'), width('e\u0301'), width('🙂')]).toEqual([4, 1, 1, 2]);
  });
});

test('sizes, durations and ages for people', () => {
  expect([formatSize(0), formatSize(1_536), formatSize(536_870_912)]).toEqual(['0 B', '1.5 KiB', '512 MiB']);
  expect([formatDuration(12.4), formatDuration(1_250), formatDuration(250_000)]).toEqual([
    '12 ms',
    '1.3 s',
    '4m 10s',
  ]);
  expect([formatAge(1_000, 13_000), formatAge(1, 600_001), formatAge(0, 5)]).toEqual([
    '12 s ago',
    '10 min ago',
    'unknown',
  ]);
});
