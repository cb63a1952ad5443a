import type { Bench } from '../bench.ts';
import type { Available, Figure } from '../figure.ts';
import { ourCommandLine, type OurSandbox, type Ours } from '../ours.ts';
import type { Engine } from '../peers/engine.ts';
import { waiting } from '../peers/engine.ts';
import { both, side, then } from '../side.ts';
import { timeProcess } from '../whole-process.ts';

const peer = 'docker ps -a';

/** Looking at many: what a person waits for who has 500 sandboxes, of which none runs. */
export const ps: Figure = {
  name: 'ps',
  title: 'sovereign ps --all with 500 sandboxes, whole process',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 100 }],
  run: async (bench) => {
    const count = bench.samples(500, 50);
    const [ours, docker] = [await bench.ours(), await bench.docker()];
    const sandboxes = await then(ours, (from) => many(count, () => from.define('quilt')));
    const containers = await then(docker, ({ api, image }) =>
      many(count, () => api.createContainer({ image, command: waiting, network: 'none' })),
    );
    try {
      return await measure(bench, { sandboxes, docker: both(docker, containers), ours });
    } finally {
      if (sandboxes.ok) for (const sandbox of sandboxes.value) await sandbox.remove();
      if (docker.ok && containers.ok)
        for (const id of containers.value) await docker.value.api.removeContainer(id);
    }
  },
};

function measure(
  bench: Bench,
  subjects: {
    readonly ours: Available<Ours>;
    readonly sandboxes: Available<readonly OurSandbox[]>;
    readonly docker: Available<readonly [Engine, readonly string[]]>;
  },
): ReturnType<Figure['run']> {
  const samples = bench.samples(60, 10);
  const env = { SOVEREIGN_HOME: bench.home };
  return bench.interleave(
    side({
      name: 'sovereign',
      samples,
      warmUps: 2,
      from: both(ourCommandLine(), subjects.sandboxes),
      sample: ([sovereign]) => timeProcess([...sovereign, 'ps', '--all'], env),
    }),
    [
      side({
        name: peer,
        samples,
        warmUps: 2,
        from: subjects.docker,
        sample: ([
          {
            commandLine: [program, ...args],
          },
        ]) => timeProcess([program, ...args, 'ps', '-a']),
      }),
    ],
  );
}

/** Makes that many, a few at a time. */
async function many<T>(count: number, make: () => Promise<T>): Promise<readonly T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const batch = Array.from({ length: Math.min(10, count - made.length) }, make);
    made.push(...(await Promise.all(batch)));
  }
  return made;
}
