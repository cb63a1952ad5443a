import type { Fact, Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { zeroesCommand } from '../peers/zeroes.ts';
import { attempt, side } from '../side.ts';
import type { WorkerClient } from '../worker/worker-client.ts';

const gib = 2 ** 30;
const growth = 'growth';

export const stream: Figure = {
  name: 'stream',
  title: 'stdout of a command to a consumer of the SDK',
  unit: 'GiB/s',
  direction: 'higher',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atLeast', value: 1.5 },
    { kind: 'fact', fact: growth, limit: 'atMost', value: 64 },
  ],
  run: async (bench) => {
    const bytes = bench.samples(4, 1) * gib;
    const samples = bench.samples(5, 2);
    const worker = await attempt(() => bench.worker());
    const growths = { ourStream: [] as number[], pipeStream: [] as number[] };
    const consume = (kind: keyof typeof growths) => async (client: WorkerClient) => {
      const { value, growthMiB } = await client.run({ kind, bytes });
      growths[kind].push(growthMiB);
      return value;
    };
    const measured = await bench.interleave(
      side({ name: 'quilt', samples, from: worker, sample: consume('ourStream') }),
      [
        side({ name: 'pipe into node', samples, from: worker, sample: consume('pipeStream') }),
        side({
          name: 'docker exec, API',
          samples: 2,
          from: await bench.docker(),
          sample: async ({ api, container }) => {
            const [command, ...args] = zeroesCommand(gib);
            const ms = await timed(() => api.exec(container, [`/bin/${command}`, ...args], () => undefined));
            return 1 / (ms / 1000);
          },
        }),
      ],
    );
    if (worker.ok) await worker.value.close();
    const facts = [most(growth, growths.ourStream), most('growth, pipe', growths.pipeStream)];
    return { ...measured, facts: facts.flat() };
  },
};

function most(name: string, values: readonly number[]): Fact[] {
  return values.length === 0 ? [] : [{ name, value: Math.max(...values), unit: 'MiB' }];
}
