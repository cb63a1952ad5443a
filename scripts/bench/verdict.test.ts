import { expect, test } from 'vitest';
import type { Figure, Measured, Target } from './figure.ts';
import { judge } from './verdict.ts';

const figure = (targets: readonly Target[], direction: Figure['direction'] = 'lower'): Figure => ({
  name: 'f',
  title: 'a figure',
  unit: 'ms',
  direction,
  targets,
  run: () => Promise.reject(new Error('not run')),
});

const measured = (ours: readonly number[], peer: readonly number[]): Measured => ({
  ours: { name: 'ours', samples: ours },
  peers: [{ name: 'peer', samples: peer }],
});

const atLeastTwice: Target = { kind: 'ratio', as: 'better', peer: 'peer', limit: 'atLeast', value: 2 };
const atMostHalf: Target = { kind: 'ratio', as: 'ofPeer', peer: 'peer', limit: 'atMost', value: 0.5 };
const below5: Target = { kind: 'stat', stat: 'p50', limit: 'atMost', value: 5 };

test('a time is better when it is smaller', () => {
  const { peers, targets, verdict } = judge(figure([atLeastTwice, atMostHalf]), measured([10], [30]));
  expect(peers[0]?.ratio).toBe(3);
  expect(targets.map((item) => item.measured)).toEqual([3, 1 / 3]);
  expect(verdict).toBe('reached');
});

test('a throughput is better when it is larger', () => {
  const { peers, verdict } = judge(figure([atLeastTwice], 'higher'), measured([10], [30]));
  expect(peers[0]?.ratio).toBeCloseTo(1 / 3);
  expect(verdict).toBe('missed');
});

test('an absent peer leaves its target open and the others judged', () => {
  const { targets, verdict } = judge(figure([below5, atLeastTwice]), measured([4], []));
  expect(targets.map((item) => item.verdict)).toEqual(['reached', 'open']);
  expect(verdict).toBe('open');
});

test('one missed target is a missed figure', () => {
  expect(judge(figure([below5, atLeastTwice]), measured([6], [])).verdict).toBe('missed');
});

test('facts are judged by name', () => {
  const target: Target = { kind: 'fact', fact: 'growth', limit: 'atMost', value: 64 };
  const facts = [{ name: 'growth', value: 65, unit: 'MiB' }];
  expect(judge(figure([target]), { ...measured([1], []), facts }).verdict).toBe('missed');
});
