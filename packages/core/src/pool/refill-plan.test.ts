import { verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { fillsToStart, restMs, warmTarget, type RefillState } from './refill-plan.ts';

const state = (overrides: Partial<RefillState>): RefillState => ({
  size: 4,
  ready: 0,
  filling: 0,
  waiting: 0,
  concurrency: 2,
  budgetBytes: 1_000,
  entryBytes: 100,
  isResting: false,
  ...overrides,
});

test.each([
  ['nothing is there: as many as may come up at once', {}, 2],
  ['everything is there', { ready: 4 }, 0],
  ['the rest is on its way', { ready: 3, filling: 1 }, 0],
  ['one is missing', { ready: 3 }, 1],
  ['a claim waits although all are on their way', { size: 1, filling: 1, waiting: 1 }, 1],
  ['many wait: never more than may come up at once', { waiting: 50 }, 2],
  ['more is ready than is asked for', { ready: 9 }, 0],
  ['resting: nothing ahead of time', { isResting: true }, 0],
  ['resting: a claim is served all the same', { isResting: true, waiting: 1 }, 1],
])('%s', (_title, overrides, expected) => {
  expect(fillsToStart(state(overrides))).toBe(expected);
});

verifies('R-NEW-4', 'what is kept ready stays within the budget; until one was measured that is one', () => {
  expect(warmTarget({ size: 4, budgetBytes: 350, entryBytes: 100 })).toBe(3);
  expect(warmTarget({ size: 4, budgetBytes: 99, entryBytes: 100 })).toBe(0);
  expect(warmTarget({ size: 4, budgetBytes: 99, entryBytes: undefined })).toBe(1);
  expect(warmTarget({ size: 4, budgetBytes: 99, entryBytes: 0 })).toBe(4);
  expect(fillsToStart(state({ budgetBytes: 99, waiting: 1 }))).toBe(1);
});

test('a rest is a second at first and a minute at most', () => {
  expect([1, 2, 3, 7, 50].map(restMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
});
