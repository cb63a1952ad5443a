import { expect, test } from 'vitest';
import { isNodeRecent } from '../setup/node-version.mjs';
import { countPythonTests } from './python-suite.mjs';
import { countCTests } from './shelld-suite.mjs';
import { atLeastOneFailure, sum, summaryLine } from './tally.mjs';

test('C tests are counted from sums', () => {
  const output = 'test_jail: 12 passed, 1 failed\ntest_codec: 30 passed\n';
  expect(countCTests(output)).toEqual({ passed: 42, failed: 1, skipped: [] });
});

test('C tests are counted from TAP', () => {
  const output =
    '1..3\nok 1 - opens\nnot ok 2 - closes\nok 3 - mounts # SKIP not root\n# 1 passed, 1 failed\n';
  expect(countCTests(output)).toEqual({
    passed: 1,
    failed: 1,
    skipped: [{ name: 'mounts', reason: 'not root' }],
  });
});

test('Python tests are counted, with the reasons of skips', () => {
  const output = [
    'test_a (tests.test_x.X.test_a) ... ok',
    "test_b (tests.test_x.X.test_b) ... skipped 'needs root'",
    'test_c (tests.test_x.X.test_c) ... FAIL',
    'Ran 3 tests in 0.1s',
    '',
    'FAILED (failures=1, skipped=1)',
  ].join('\n');
  expect(countPythonTests(output)).toEqual({
    passed: 1,
    failed: 1,
    skipped: [{ name: 'test_b', reason: 'needs root' }],
  });
});

test('a suite that ends badly has failed, whatever it printed', () => {
  const tally = { passed: 3, failed: 0, skipped: [] };
  expect(atLeastOneFailure(tally, false).failed).toBe(1);
  expect(atLeastOneFailure(tally, true).failed).toBe(0);
});

test('the last line', () => {
  const total = sum([
    { passed: 1, failed: 0, skipped: [] },
    { passed: 2, failed: 1, skipped: [{ name: 'a', reason: 'b' }] },
  ]);
  expect(summaryLine(total)).toBe('3 passed, 1 failed, 1 skipped');
  expect(summaryLine({ ...total, skipped: [] })).toBe('3 passed, 1 failed');
});

test.each([
  ['20.19.0', true],
  ['22.0.0', true],
  ['20.18.3', false],
  ['18.20.0', false],
])('Node %s is recent enough: %s', (version, expected) => {
  expect(isNodeRecent(version)).toBe(expected);
});
