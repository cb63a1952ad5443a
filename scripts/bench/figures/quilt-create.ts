import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import type { Ours } from '../ours.ts';
import { bwrapFloor } from '../peers/bwrap.ts';
import { crunWrapper } from '../peers/crun.ts';
import { waiting, type Engine } from '../peers/engine.ts';
import { timeFloor } from '../peers/floor-guest.ts';
import { side, then } from '../side.ts';
import { restMs, timeCreate } from '../time-create.ts';

export const quiltCreate: Figure = {
  name: 'quilt-create',
  title: 'Sandbox.create to the first true answered, quilt',
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 15 },
    { kind: 'stat', stat: 'p99', limit: 'atMost', value: 45 },
  ],
  run: async (bench) => {
    const samples = bench.samples(200, 30);
    const rare = { samples: bench.samples(20, 5), pauseMs: restMs };
    const own = {
      samples,
      warmUps: 3,
      from: await bench.ours(),
      sample: (ours: Ours) => timeCreate(ours, 'quilt'),
    };
    const crun = await then(crunWrapper(), (wrapper) => bench.worker({ wrapper }));
    const docker = await bench.docker();
    const measured = await bench.interleave(side({ name: 'quilt', ...own, pauseMs: restMs }), [
      side({ name: 'docker create + start, no network', ...rare, from: docker, sample: isolated }),
      side({ name: 'docker create + start, bridge', ...rare, from: docker, sample: bridged }),
      side({
        name: 'podman create + start, no network',
        ...rare,
        from: await bench.podman(),
        sample: isolated,
      }),
      side({ name: 'floor: bubblewrap', samples, pauseMs: restMs, from: bwrapFloor(), sample: timeFloor }),
      side({
        name: 'floor: crun',
        samples,
        pauseMs: restMs,
        from: crun,
        sample: async (worker) => (await worker.run({ kind: 'crunCreate' })).value,
      }),
      side({ name: 'ours, one after another', ...own }),
    ]);
    if (crun.ok) await crun.value.close();
    return measured;
  },
};

const isolated = (engine: Engine): Promise<number> => timeStart(engine, 'none');
const bridged = (engine: Engine): Promise<number> => timeStart(engine);

async function timeStart({ api, image }: Engine, network?: 'none'): Promise<number> {
  let id: string | undefined;
  try {
    return await timed(async () => {
      id = await api.createContainer({
        image,
        command: waiting,
        ...(network === undefined ? {} : { network }),
      });
      await api.startContainer(id);
    });
  } finally {
    if (id !== undefined) await api.removeContainer(id);
  }
}
