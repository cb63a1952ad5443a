import type { Figure, Target } from '../figure.ts';
import { timed } from '../interleave.ts';
import type { Engine } from '../peers/engine.ts';
import { side } from '../side.ts';
import { withSandbox } from '../with-sandbox.ts';

export const dockerExec = 'docker exec, API';

interface ExecFigure {
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly targets: readonly Target[];
}

/** A warm exec in a sandbox that runs, with the ledger on, beside Docker's and Podman's over their APIs. */
export function execFigure({ command, args, ...figure }: ExecFigure): Figure {
  return {
    ...figure,
    unit: 'ms',
    direction: 'lower',
    run: (bench) =>
      withSandbox(bench, 'quilt', async (from) => {
        const engine = {
          samples: bench.samples(40, 10),
          sample: ({ api, container }: Engine) =>
            timed(() => api.exec(container, [`/bin/${command}`, ...args])),
        };
        return bench.interleave(
          side({
            name: 'quilt',
            samples: bench.samples(2000, 300),
            warmUps: 50,
            from,
            sample: (sandbox) => timed(() => sandbox.run(command, args)),
          }),
          [
            side({ name: dockerExec, from: await bench.docker(), ...engine }),
            side({ name: 'podman exec, API', from: await bench.podman(), ...engine }),
            side({
              name: 'floor: vfork and exec',
              samples: bench.samples(50, 10),
              from: bench.spawnLoop(),
              sample: async (loop) =>
                (await loop.run({ lanes: 1, count: 40, argv: [command, ...args] })).medianMs,
            }),
          ],
        );
      }),
  };
}
