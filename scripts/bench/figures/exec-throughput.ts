import os from 'node:os';
import { nothing } from '../bench.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { both, side } from '../side.ts';
import { withSandbox } from '../with-sandbox.ts';

const inFlight = 32;

export const execThroughput: Figure = {
  name: 'exec-throughput',
  title: `Execs of a static program, ${inFlight} in flight`,
  unit: '/s',
  direction: 'higher',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atLeast', value: 5000 }],
  run: (bench) =>
    withSandbox(bench, 'quilt', async (sandbox) =>
      bench.interleave(
        side({
          name: 'quilt',
          samples: bench.samples(20, 5),
          warmUps: 2,
          from: both(sandbox, bench.staticProgram()),
          sample: ([ours]) => rate(2000, () => ours.run(`/workspace/${nothing}`)),
        }),
        [
          side({
            name: 'docker exec, API',
            samples: 2,
            warmUps: 0,
            from: both(await bench.docker(), bench.staticProgram()),
            sample: ([{ api, container }]) => rate(inFlight, () => api.exec(container, [`/bin/${nothing}`])),
          }),
          side({
            name: 'floor: vfork and exec, one lane a CPU',
            samples: bench.samples(20, 5),
            from: both(bench.spawnLoop(), bench.staticProgram()),
            sample: async ([loop, program]) => {
              const lanes = os.availableParallelism();
              const { seconds } = await loop.run({ lanes, count: 1000, argv: [program] });
              return (lanes * 1000) / seconds;
            },
          }),
        ],
      ),
    ),
};

/** Runs so many with a fixed number of them in flight; returns how many were done in a second. */
async function rate(count: number, run: () => Promise<unknown>): Promise<number> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await run();
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, lane)));
  return count / (ms / 1000);
}
