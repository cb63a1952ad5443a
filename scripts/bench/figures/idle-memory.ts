import { setTimeout as delay } from 'node:timers/promises';
import { absent, type Available, type Fact, type Figure } from '../figure.ts';
import { commandOf, memoryOf, processesOf } from '../processes.ts';
import { side, then } from '../side.ts';
import { withSandbox } from '../with-sandbox.ts';

/** Long enough for what a command left behind to be freed, the spare keeper of shelld included (2 s). */
const settleMs = 3_000;

export const idleMemory: Figure = {
  name: 'idle-memory',
  title: 'PSS of all processes of one idle quilt sandbox',
  unit: 'MiB',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 0.5 }],
  run: (bench) =>
    withSandbox(bench, 'quilt', async (sandbox) => {
      const own = await then(sandbox, async (ours) => {
        await ours.run('true');
        await delay(settleMs);
        return processesOf(ours.id);
      });
      const docker = await then(await bench.docker(), async ({ container }) => processesOf(container));
      const shims = then(docker, async (pids) => pids.filter(isShim));
      const samples = bench.samples(10, 3);
      const memory = { samples, warmUps: 0, sample: async (pids: readonly number[]) => total(pids).pssMiB };
      const measured = await bench.interleave(side({ name: 'quilt', from: nonEmpty(own), ...memory }), [
        side({
          name: "docker: the container's process",
          from: nonEmpty(await then(docker, async (pids) => pids.filter((pid) => !isShim(pid)))),
          ...memory,
        }),
        side({ name: 'docker: its containerd-shim', from: nonEmpty(await shims), ...memory }),
      ]);
      const facts: Fact[] = own.ok
        ? [
            { name: 'RSS', value: total(own.value).rssMiB, unit: 'MiB' },
            { name: 'processes', value: own.value.length, unit: '' },
          ]
        : [];
      return { ...measured, facts };
    }),
};

const isShim = (pid: number): boolean => commandOf(pid).includes('containerd-shim');

function nonEmpty(pids: Available<number[]>): Available<number[]> {
  if (!pids.ok || pids.value.length > 0) return pids;
  return absent('no process of it was found by its id');
}

function total(pids: readonly number[]): { readonly pssMiB: number; readonly rssMiB: number } {
  const all = pids.map(memoryOf);
  const sum = (pick: (memory: (typeof all)[number]) => number): number =>
    all.reduce((before, memory) => before + pick(memory), 0);
  return { pssMiB: sum(({ pssMiB }) => pssMiB), rssMiB: sum(({ rssMiB }) => rssMiB) };
}
