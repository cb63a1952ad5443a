import process from 'node:process';
import type { Figure } from '../figure.ts';
import { available } from '../figure.ts';
import { ourCommandLine } from '../ours.ts';
import { side } from '../side.ts';
import { timeProcess } from '../whole-process.ts';

const peer = 'node -e 0';

export const cliVersion: Figure = {
  name: 'cli-version',
  title: 'sovereign --version, whole process',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'ratio', as: 'ofPeer', peer, limit: 'atMost', value: 1.25 }],
  run: (bench) => {
    const samples = bench.samples(100, 20);
    return bench.interleave(
      side({
        name: 'sovereign',
        samples,
        from: ourCommandLine(),
        sample: (sovereign) => timeProcess([...sovereign, '--version']),
      }),
      [
        side({
          name: peer,
          samples,
          from: available(process.execPath),
          sample: (node) => timeProcess([node, '-e', '0']),
        }),
      ],
    );
  },
};
