import { expect, test } from 'vitest';
import { absent, available } from './figure.ts';
import { interleave, type Side } from './interleave.ts';

const { signal } = new AbortController();

function recorder(): { side(name: string, samples: number): Side; taken: string[] } {
  const taken: string[] = [];
  const side = (name: string, samples: number): Side => ({
    name,
    samples,
    warmUps: 0,
    sample: available(() => Promise.resolve(taken.push(name))),
  });
  return { side, taken };
}

test('sides take turns, each as often as it asked for', async () => {
  const { side, taken } = recorder();
  const measured = await interleave({ ours: side('a', 20), peers: [side('b', 10)], signal });
  expect(taken.slice(0, 6)).toEqual(['a', 'a', 'b', 'a', 'a', 'b']);
  expect(measured.ours.samples).toHaveLength(20);
  expect(measured.peers[0]?.samples).toHaveLength(10);
});

test('an absent side keeps its reason and the others are measured', async () => {
  const { side } = recorder();
  const missing: Side = { name: 'c', samples: 5, sample: absent('not installed') };
  const measured = await interleave({ ours: side('a', 3), peers: [missing], signal });
  expect(measured.peers[0]).toEqual({ name: 'c', samples: [], absent: 'not installed' });
  expect(measured.ours.samples).toHaveLength(3);
});

test('a side that fails ends with what it has', async () => {
  const { side } = recorder();
  let left = 3;
  const failing: Side = {
    name: 'd',
    samples: 5,
    sample: available(() => (left-- > 0 ? Promise.resolve(1) : Promise.reject(new Error('gone')))),
  };
  const measured = await interleave({ ours: side('a', 3), peers: [failing], signal });
  expect(measured.peers[0]).toEqual({ name: 'd', samples: [1, 1], absent: 'gone' });
});

test('an interruption ends it between two samples', async () => {
  const controller = new AbortController();
  const { side, taken } = recorder();
  const interrupting: Side = {
    ...side('a', 20),
    sample: available(() => {
      if (taken.push('a') === 2) controller.abort(new Error('interrupted'));
      return Promise.resolve(1);
    }),
  };
  await expect(interleave({ ours: interrupting, peers: [], signal: controller.signal })).rejects.toThrow(
    'interrupted',
  );
  expect(taken).toHaveLength(2);
});
