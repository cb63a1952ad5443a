import type { Sandbox, SnapshotRecord } from '@sovereign/sdk';
import { both, side, then } from '../side.ts';
import type { Bench } from '../bench.ts';
import type { Available, Fact, Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import type { Machines } from '../machines.ts';
import type { Engine } from '../peers/engine.ts';
import { waiting } from '../peers/engine.ts';
import { runIn } from '../run-in.ts';
import { restMs } from '../time-create.ts';
import { timeClaim } from './pool-claim.ts';

const forkCount = 8;

/** Makes a sandbox, has it answer, and removes it; the time is that of the first two. */
async function timeAnswer(make: () => Promise<Sandbox>): Promise<number> {
  let sandbox: Sandbox | undefined;
  try {
    return await timed(async () => {
      sandbox = await make();
      await runIn(sandbox, 'true');
    });
  } finally {
    await sandbox?.remove();
  }
}

async function dockerCreate({ api, image }: Engine): Promise<number> {
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

interface Snapshotted {
  readonly machines: Machines;
  readonly source: Sandbox;
  readonly snapshot: SnapshotRecord;
}

/** A machine and a snapshot of it, for as long as `act` takes. */
async function withSnapshot<T>(bench: Bench, act: (made: Available<Snapshotted>) => Promise<T>): Promise<T> {
  const machines = await bench.machines();
  const made = await then(machines, async (from) => {
    const source = await from.create();
    return { machines: from, source, snapshot: await source.snapshot() };
  });
  try {
    return await act(made);
  } finally {
    if (made.ok) {
      await made.value.source.remove();
      await made.value.machines.removeSnapshot(made.value.snapshot);
    }
  }
}

const create: Figure = {
  name: 'microvm-create',
  title: 'Sandbox.create to the first true answered, qemu, cold',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 650 }],
  run: async (bench) => {
    const from = await bench.machines();
    const sample = (machines: Machines): Promise<number> => timeAnswer(() => machines.create());
    return bench.interleave(side({ name: 'qemu', samples: bench.samples(30, 5), from, sample }));
  },
};

const resume: Figure = {
  name: 'microvm-resume',
  title: 'Resume of a snapshot to the first true answered, qemu',
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 80 },
    { kind: 'stat', stat: 'p99', limit: 'atMost', value: 130 },
    { kind: 'ratio', as: 'better', peer: 'docker create + start, no network', limit: 'atLeast', value: 1 },
  ],
  run: (bench) =>
    withSnapshot(bench, async (from) =>
      bench.interleave(
        side({
          name: 'qemu',
          samples: bench.samples(100, 10),
          warmUps: 2,
          from,
          sample: ({ machines, snapshot }) => timeAnswer(() => machines.resume(snapshot)),
        }),
        [
          side({
            name: 'docker create + start, no network',
            samples: bench.samples(20, 5),
            from: await bench.docker(),
            sample: dockerCreate,
          }),
        ],
      ),
    ),
};

const claim: Figure = {
  name: 'microvm-pool-claim',
  title: 'Claim from a warm pool to the first true answered, qemu',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 5 }],
  run: async (bench) => {
    const pool = await then(await bench.machines(), (from) => from.pool());
    try {
      return await bench.interleave(
        side({
          name: 'qemu',
          samples: bench.samples(100, 20),
          warmUps: 3,
          pauseMs: restMs,
          from: pool,
          sample: timeClaim,
        }),
      );
    } finally {
      if (pool.ok) await pool.value.drain();
    }
  },
};

const snapshot: Figure = {
  name: 'microvm-snapshot',
  title: 'Snapshot of a running machine, qemu',
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 30 },
    { kind: 'fact', fact: 'stood still, p50', limit: 'atMost', value: 15 },
  ],
  run: async (bench) => {
    const machines = await bench.machines();
    const source = await then(machines, (from) => from.create());
    const paused: number[] = [];
    try {
      const measured = await bench.interleave(
        side({
          name: 'qemu',
          samples: bench.samples(30, 5),
          from: both(machines, source),
          sample: async ([from, sandbox]) => {
            let taken: SnapshotRecord | undefined;
            const ms = await timed(async () => {
              taken = await sandbox.snapshot();
            });
            if (taken !== undefined) {
              paused.push(taken.pausedMs);
              await from.removeSnapshot(taken);
            }
            return ms;
          },
        }),
      );
      const median = paused.toSorted((a, b) => a - b)[Math.floor(paused.length / 2)] ?? 0;
      return { ...measured, facts: [{ name: 'stood still, p50', value: median, unit: 'ms' }] };
    } finally {
      if (source.ok) await source.value.remove();
    }
  },
};

function exec(
  name: string,
  title: string,
  command: string,
  args: readonly string[],
  limitMs: number,
): Figure {
  return {
    name,
    title,
    unit: 'ms',
    direction: 'lower',
    targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: limitMs }],
    run: async (bench) => {
      const source = await then(await bench.machines(), (from) => from.create());
      try {
        return await bench.interleave(
          side({
            name: 'qemu',
            samples: bench.samples(500, 50),
            warmUps: 5,
            from: source,
            sample: (sandbox) => timed(() => runIn(sandbox, command, args)),
          }),
        );
      } finally {
        if (source.ok) await source.value.remove();
      }
    },
  };
}

const forks: Figure = {
  name: 'microvm-forks',
  title: `${forkCount} forks of one snapshot at once, all answered, qemu`,
  unit: 'ms',
  direction: 'lower',
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 400 },
    { kind: 'fact', fact: 'PSS of each', limit: 'atMost', value: 32 },
  ],
  run: (bench) =>
    withSnapshot(bench, async (from) => {
      const sizes: number[] = [];
      const measured = await bench.interleave(
        side({
          name: 'qemu',
          samples: bench.samples(10, 3),
          from,
          sample: async ({ machines, snapshot: taken }) => {
            const made: Sandbox[] = [];
            try {
              return await timed(async () => {
                await Promise.all(
                  Array.from({ length: forkCount }, async () => {
                    const fork = await machines.resume(taken);
                    made.push(fork);
                    await runIn(fork, 'true');
                  }),
                );
              });
            } finally {
              sizes.push(...made.map((fork) => machines.memoryMib(fork)));
              await Promise.all(made.map((fork) => fork.remove()));
            }
          },
        }),
      );
      const mean = sizes.reduce((sum, size) => sum + size, 0) / Math.max(1, sizes.length);
      const facts: Fact[] = [{ name: 'PSS of each', value: mean, unit: 'MiB' }];
      return { ...measured, facts };
    }),
};

/** MicroVMs under QEMU, of an image that holds busybox and nothing else. */
export const microvmFigures: readonly Figure[] = [
  create,
  resume,
  claim,
  snapshot,
  forks,
  exec('microvm-exec', 'exec of a static program, qemu', 'true', [], 2),
  exec('microvm-exec-sh', 'exec of sh -c true, qemu', 'sh', ['-c', 'true'], 3),
];
