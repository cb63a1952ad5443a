import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { oursOnDocker } from '../ours-on-docker.ts';
import type { OurSandbox } from '../ours.ts';
import type { Engine } from '../peers/engine.ts';
import { side, then } from '../side.ts';
import { dockerExec } from './exec-figure.ts';

export const dockerExecTrue: Figure = {
  name: 'docker-exec-true',
  title: 'Warm exec of true, Docker backend',
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 1.5 },
    { kind: 'ratio', as: 'better', peer: dockerExec, limit: 'atLeast', value: 20 },
  ],
  run: async (bench) => {
    const from = await then(await oursOnDocker(bench), ({ ours, engine }) =>
      ours.create('docker', engine.image),
    );
    try {
      return await bench.interleave(
        side({
          name: 'docker backend',
          samples: bench.samples(2000, 300),
          warmUps: 50,
          from,
          sample: (sandbox: OurSandbox) => timed(() => sandbox.run('true')),
        }),
        [
          side({
            name: dockerExec,
            samples: bench.samples(40, 10),
            from: await bench.docker(),
            sample: ({ api, container }: Engine) => timed(() => api.exec(container, ['/bin/true'])),
          }),
        ],
      );
    } finally {
      if (from.ok) await from.value.remove();
    }
  },
};
