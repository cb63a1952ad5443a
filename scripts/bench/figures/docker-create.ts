import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { oursOnDocker, type OursOnDocker } from '../ours-on-docker.ts';
import { waiting, type Engine } from '../peers/engine.ts';
import { side } from '../side.ts';
import { timeCreate } from '../time-create.ts';

const run = promisify(execFile);
const dockerRun = 'docker run -d, no network';

export const dockerCreate: Figure = {
  name: 'docker-create',
  title: 'Sandbox.create to the first true answered, Docker backend, same image as the peers',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'ratio', as: 'ofPeer', peer: dockerRun, limit: 'atMost', value: 1.15 }],
  run: async (bench) => {
    const docker = await bench.docker();
    const count = { samples: bench.samples(30, 5), warmUps: 1 };
    return bench.interleave(
      side({
        name: 'docker backend',
        ...count,
        from: await oursOnDocker(bench),
        sample: ({ ours, engine }: OursOnDocker) => timeCreate(ours, 'docker', engine.image),
      }),
      [
        side({ name: dockerRun, ...count, from: docker, sample: runDetached }),
        side({
          name: 'docker create + start, API, no network',
          ...count,
          from: docker,
          sample: createAndStart,
        }),
      ],
    );
  },
};

async function runDetached({ api, image, commandLine: [docker, ...options] }: Engine): Promise<number> {
  let id: string | undefined;
  try {
    return await timed(async () => {
      const { stdout } = await run(docker, [...options, 'run', '-d', '--network', 'none', image, ...waiting]);
      id = stdout.trim();
    });
  } finally {
    if (id !== undefined) await api.removeContainer(id);
  }
}

async function createAndStart({ api, image }: Engine): Promise<number> {
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
