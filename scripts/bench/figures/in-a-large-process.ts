import type { Figure } from '../figure.ts';
import { attempt, side } from '../side.ts';
import type { WorkerClient } from '../worker/worker-client.ts';
import type { Job } from '../worker/protocol.ts';

const ballastMiB = 500;
const small = 'ours, small process';

interface LargeFigure {
  readonly name: string;
  readonly title: string;
  readonly job: Job;
  readonly samples: readonly [full: number, quick: number];
}

/** The same in a process that holds 500 MB, where Node's own spawn takes many times as long. */
function largeFigure({ name, title, job, samples: [full, quick] }: LargeFigure): Figure {
  return {
    name,
    title: `${title}, in a process that holds ${ballastMiB} MB`,
    unit: 'ms',
    direction: 'lower',
    targets: [{ kind: 'ratio', as: 'ofPeer', peer: small, limit: 'atMost', value: 1.5 }],
    run: async (bench) => {
      const samples = bench.samples(full, quick);
      const few = bench.samples(50, 10);
      const large = await attempt(() => bench.worker({ ballastMiB }));
      const light = await attempt(() => bench.worker());
      const valueOf = (work: Job) => async (worker: WorkerClient) => (await worker.run(work)).value;
      const spawned = valueOf({ kind: 'nodeSpawn' });
      const measured = await bench.interleave(
        side({ name: 'ours, large process', samples, warmUps: 3, from: large, sample: valueOf(job) }),
        [
          side({ name: small, samples, warmUps: 3, from: light, sample: valueOf(job) }),
          side({ name: 'node spawn of true, large process', samples: few, from: large, sample: spawned }),
          side({ name: 'node spawn of true, small process', samples: few, from: light, sample: spawned }),
        ],
      );
      for (const worker of [large, light]) if (worker.ok) await worker.value.close();
      return measured;
    },
  };
}

export const largeExec = largeFigure({
  name: 'large-exec',
  title: 'Warm exec of true',
  job: { kind: 'quiltExec' },
  samples: [1000, 200],
});

export const largeQuiltCreate = largeFigure({
  name: 'large-quilt-create',
  title: 'Sandbox.create to the first true, quilt',
  job: { kind: 'quiltCreate' },
  samples: [100, 20],
});

export const largeProcessCreate = largeFigure({
  name: 'large-process-create',
  title: 'Sandbox.create to the first true, process tier',
  job: { kind: 'processCreate' },
  samples: [100, 20],
});
