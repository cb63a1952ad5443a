import type { Figure } from '../figure.ts';
import { ourCommandLine } from '../ours.ts';
import { both, side } from '../side.ts';
import { timeProcess } from '../whole-process.ts';
import { withSandbox } from '../with-sandbox.ts';

const peer = 'docker exec';

export const cliExec: Figure = {
  name: 'cli-exec',
  title: 'sovereign exec ID true, whole process',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'ratio', as: 'ofPeer', peer, limit: 'atMost', value: 0.7 }],
  run: (bench) =>
    withSandbox(bench, 'quilt', async (sandbox) => {
      const samples = bench.samples(60, 15);
      const env = { SOVEREIGN_HOME: bench.home };
      return bench.interleave(
        side({
          name: 'sovereign',
          samples,
          from: both(ourCommandLine(), sandbox),
          sample: ([sovereign, { id }]) => timeProcess([...sovereign, 'exec', id, 'true'], env),
        }),
        [
          side({
            name: peer,
            samples,
            from: await bench.docker(),
            sample: ({ commandLine: [program, ...args], container }) =>
              timeProcess([program, ...args, 'exec', container, '/bin/true']),
          }),
        ],
      );
    }),
};
