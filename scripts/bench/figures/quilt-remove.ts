import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { waiting, type Engine } from '../peers/engine.ts';
import { side } from '../side.ts';

export const quiltRemove: Figure = {
  name: 'quilt-remove',
  title: 'sandbox.remove() of a running quilt sandbox',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 10 }],
  run: async (bench) => {
    const few = bench.samples(20, 5);
    return bench.interleave(
      side({
        name: 'quilt',
        samples: bench.samples(200, 30),
        warmUps: 3,
        from: await bench.ours(),
        sample: async (ours) => {
          const sandbox = await ours.create('quilt');
          await sandbox.run('true');
          return timed(() => sandbox.remove());
        },
      }),
      [
        side({ name: 'docker rm -f, API', samples: few, from: await bench.docker(), sample: timeRemove }),
        side({ name: 'podman rm -f, API', samples: few, from: await bench.podman(), sample: timeRemove }),
      ],
    );
  },
};

async function timeRemove({ api, image }: Engine): Promise<number> {
  const id = await api.createContainer({ image, command: waiting, network: 'none' });
  await api.startContainer(id);
  return timed(() => api.removeContainer(id));
}
