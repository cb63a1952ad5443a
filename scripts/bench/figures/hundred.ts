import type { Figure } from '../figure.ts';
import type { Ours } from '../ours.ts';
import { side } from '../side.ts';

const count = 100;

export const hundred: Figure = {
  name: 'hundred',
  title: `${count} quilt sandboxes created at once, each answering true`,
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 1500 }],
  run: async (bench) =>
    bench.interleave(
      side({
        name: 'quilt',
        samples: bench.samples(5, 2),
        warmUps: 0,
        from: await bench.ours(),
        sample: timeHundred,
      }),
    ),
};

async function timeHundred(ours: Ours): Promise<number> {
  const startedAt = performance.now();
  const created = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      const sandbox = await ours.create('quilt');
      await sandbox.run('true').catch(async (error: unknown) => {
        await sandbox.remove();
        throw error;
      });
      return sandbox;
    }),
  );
  const ms = performance.now() - startedAt;
  const failures: unknown[] = [];
  for (const outcome of created) {
    if (outcome.status === 'fulfilled') await outcome.value.remove();
    else failures.push(outcome.reason);
  }
  if (failures.length > 0) throw new Error(`${failures.length} of ${count} failed: ${String(failures[0])}`);
  return ms;
}
