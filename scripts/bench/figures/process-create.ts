import type { Figure } from '../figure.ts';
import type { Ours } from '../ours.ts';
import { bwrapFloor } from '../peers/bwrap.ts';
import { timeFloor } from '../peers/floor-guest.ts';
import { side } from '../side.ts';
import { restMs, timeCreate } from '../time-create.ts';

export const processCreate: Figure = {
  name: 'process-create',
  title: 'Sandbox.create to the first true answered, process tier',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 8 }],
  run: async (bench) => {
    const samples = bench.samples(200, 30);
    const own = {
      samples,
      warmUps: 3,
      from: await bench.ours(),
      sample: (ours: Ours) => timeCreate(ours, 'process'),
    };
    return bench.interleave(side({ name: 'process', ...own, pauseMs: restMs }), [
      side({ name: 'floor: bubblewrap', samples, pauseMs: restMs, from: bwrapFloor(), sample: timeFloor }),
      side({ name: 'ours, one after another', ...own }),
    ]);
  },
};
