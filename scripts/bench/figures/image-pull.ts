import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { attempt, side, then } from '../side.ts';

const shape = { layers: 5, layerBytes: 40 * 2 ** 20 } as const;

export const imagePull: Figure = {
  name: 'image-pull',
  title: 'Pull of 200 MiB in 5 layers from a registry on loopback, until usable',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'ratio', as: 'ofPeer', peer: 'docker pull, API', limit: 'atMost', value: 0.8 }],
  run: async (bench) => {
    const samples = bench.samples(10, 3);
    const registry = await attempt(() => bench.registry(shape));
    const backend = createQuiltBackend({
      stateDirectory: join(bench.home, 'state'),
      runtimeDirectory: join(bench.home, 'run'),
      shelldPath: findShelld(),
    });
    try {
      return await bench.interleave(
        side({
          name: 'quilt',
          samples,
          from: registry,
          sample: async ({ image }) => {
            const ms = await timed(() => backend.images.pull(image));
            await backend.images.remove(image);
            return ms;
          },
        }),
        [
          side({
            name: 'docker pull, API',
            samples,
            from: await then(registry, (found) => bench.dockerBeside(found)),
            sample: async ({ api, image }) => {
              const ms = await timed(() => api.pullImage(image));
              await api.removeImage(image);
              return ms;
            },
          }),
        ],
      );
    } finally {
      await backend.close();
    }
  },
};
