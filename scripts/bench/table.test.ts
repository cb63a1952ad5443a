import { expect, test } from 'vitest';
import type { Figure } from './figure.ts';
import { renderTable } from './table.ts';
import { judge } from './verdict.ts';

const figure: Figure = {
  name: 'exec-true',
  title: 'Warm exec of true',
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 0.9 },
    { kind: 'ratio', as: 'better', peer: 'docker', limit: 'atLeast', value: 50 },
  ],
  run: () => Promise.reject(new Error('not run')),
};

test('targets and peers of a figure share lines; what is absent is explained below', () => {
  const judged = judge(figure, {
    ours: { name: 'quilt', samples: [0.5] },
    peers: [
      { name: 'docker', samples: [40] },
      { name: 'podman', samples: [], absent: 'not started' },
    ],
  });
  const lines = renderTable([judged]).split('\n');
  expect(lines.slice(2)).toEqual([
    'exec-true  0.50 / 0.50 ms  p50 ≤ 0.90    reached  docker  40 ms     80× better',
    '                           ≥ 50× better  reached  podman  -         -',
    '',
    '- podman: not started',
  ]);
});

test('a figure without samples of ours is shown', () => {
  const judged = judge(figure, { ours: { name: 'quilt', samples: [], absent: 'no bubblewrap' }, peers: [] });
  expect(renderTable([judged])).toContain('- exec-true (ours): no bubblewrap');
});
