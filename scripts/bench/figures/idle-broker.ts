import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Figure } from '../figure.ts';
import { ourCommandLine } from '../ours.ts';
import { memoryOf } from '../processes.ts';
import { both, side, then } from '../side.ts';
import { withSandbox } from '../with-sandbox.ts';

const windowMs = 3_000;

/** CPU of a broker that holds a published port and that nobody talks to. */
export const idleBroker: Figure = {
  name: 'idle-broker',
  title: `CPU that an idle detached broker uses in ${windowMs / 1000} s`,
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 1 }],
  run: (bench) =>
    withSandbox(bench, 'quilt', async (sandbox) => {
      const broker = await then(both(ourCommandLine(), sandbox), async ([[program, ...args], { id }]) => {
        const env = { ...process.env, SOVEREIGN_HOME: bench.home };
        const words = ['port', 'publish', '--detach', '--json', id, '80'];
        const { stdout } = await promisify(execFile)(program, [...args, ...words], { env });
        const { broker: pid } = JSON.parse(stdout) as { readonly broker: number };
        await delay(windowMs);
        return pid;
      });
      const measured = await bench.interleave(
        side({
          name: 'broker',
          samples: bench.samples(5, 2),
          warmUps: 0,
          from: broker,
          sample: async (pid) => {
            const before = cpuMs(pid);
            await delay(windowMs);
            return cpuMs(pid) - before;
          },
        }),
      );
      if (!broker.ok) return measured;
      return { ...measured, facts: [{ name: 'PSS', value: memoryOf(broker.value).pssMiB, unit: 'MiB' }] };
    }),
};

/** Time on a CPU of all threads of a process (proc_pid_schedstat). */
function cpuMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}
