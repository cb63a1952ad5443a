import type { Bench } from '../bench.ts';
import type { Available, Figure, Measured } from '../figure.ts';
import { both, side, then } from '../side.ts';
import { startDockerPair, type DockerPair } from '../peers/docker-pair.ts';
import { compileWire, wire } from '../peers/wire-program.ts';

const port = 5432;

interface LinkFigure extends Pick<Figure, 'name' | 'title' | 'unit' | 'direction' | 'targets'> {
  readonly mode: 'send' | 'turn';
  readonly count: number;
  readonly samples: readonly [full: number, quick: number];
}

/** A server in one sandbox and a client in another, joined by a link; beside them Docker's bridge, and loopback within one sandbox. */
export function linkFigure({ mode, count, samples, ...figure }: LinkFigure): Figure {
  return { ...figure, run: (bench) => measure(bench, mode, count, bench.samples(...samples)) };
}

async function measure(
  bench: Bench,
  mode: 'send' | 'turn',
  count: number,
  samples: number,
): Promise<Measured> {
  const program = compileWire(bench.workspace);
  const ends: (() => Promise<void>)[] = [];
  try {
    const joined = await then(both(await bench.ours(), program), async ([ours]) => {
      const server = await ours.create('quilt');
      ends.push(() => server.remove());
      const client = await ours.create('quilt');
      ends.push(() => client.remove());
      await server.serve(`/workspace/${wire}`, ['serve', String(port)]);
      return { server, client, address: await ours.link(client, server, port) };
    });
    const pair: Available<DockerPair> = await then(
      both(await bench.docker(), program),
      async ([docker, path]) => {
        const started = await startDockerPair(docker, path);
        ends.push(() => started.remove());
        return started;
      },
    );
    const args = (address: string) => [mode, address, String(port), String(count)];
    return await bench.interleave(
      side({
        name: 'link, quilt to quilt',
        samples,
        from: joined,
        sample: async ({ client, address }) => Number(await client.text(`/workspace/${wire}`, args(address))),
      }),
      [
        side({ name: "docker's bridge", samples, from: pair, sample: (docker) => docker.ask(mode, count) }),
        side({
          name: 'floor: loopback within one',
          samples,
          from: joined,
          sample: async ({ server }) => Number(await server.text(`/workspace/${wire}`, args('127.0.0.1'))),
        }),
      ],
    );
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
