import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import type { Bench } from '../bench.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import type { Ours } from '../ours.ts';
import { busyboxImage } from '../peers/busybox-image.ts';
import type { Engine } from '../peers/engine.ts';
import { waiting } from '../peers/engine.ts';
import { both, attempt, side } from '../side.ts';
import { restMs, timeCreate } from '../time-create.ts';

const layers = 5;

export const quiltImageCreate: Figure = {
  name: 'quilt-image-create',
  title: 'Sandbox.create of an image of 5 layers to the first true answered, quilt',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 30 }],
  run: async (bench) => {
    const rare = { samples: bench.samples(20, 5), pauseMs: restMs };
    const image = await attempt(() => layeredImage(bench));
    return bench.interleave(
      side({
        name: 'quilt',
        samples: bench.samples(200, 30),
        warmUps: 3,
        pauseMs: restMs,
        from: both(await bench.ours(), image),
        sample: ([ours, reference]: readonly [Ours, string]) => timeCreate(ours, 'quilt', reference),
      }),
      [
        side({
          name: 'docker create + start, no network',
          ...rare,
          from: await bench.docker(),
          sample: timeStart,
        }),
        side({
          name: 'podman create + start, no network',
          ...rare,
          from: await bench.podman(),
          sample: timeStart,
        }),
      ],
    );
  },
};

/** busybox, and four layers that each change something of it. */
async function layeredImage(bench: Bench): Promise<string> {
  const backend = createQuiltBackend({
    stateDirectory: join(bench.home, 'state'),
    runtimeDirectory: join(bench.home, 'run'),
    shelldPath: findShelld(),
  });
  try {
    const tar = busyboxImage(bench.staticProgram());
    await backend.images.import(once(tar), { reference: 'bench:1' });
    for (let layer = 2; layer <= layers; layer++) {
      // The same files again are another layer when their times differ; what matters is that there is one more to mount.
      const next = Buffer.concat([tar.subarray(0, tar.byteLength), Buffer.alloc(512 * layer)]);
      await backend.images.addLayer({
        base: `bench:${layer - 1}`,
        reference: `bench:${layer}`,
        layer: once(next),
      });
    }
    return `bench:${layers}`;
  } finally {
    await backend.close();
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function timeStart({ api, image }: Engine): Promise<number> {
  let id: string | undefined;
  try {
    return await timed(async () => {
      id = await api.createContainer({ image, command: waiting, network: 'none' });
      await api.startContainer(id);
    });
  } finally {
    if (id !== undefined) await api.removeContainer(id);
  }
}
