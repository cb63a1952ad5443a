import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Bench } from '../bench.ts';
import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import { runIn } from '../run-in.ts';
import { both, side, then } from '../side.ts';

const mib = 256;
const files = 2_000;
const peer = '9p by hand';

/** Work for a shell in the workspace; what it needs is made on the host beforehand. */
type Work = (workspace: string) => string;

const read: Work = () => 'busybox dd if=large of=/dev/null bs=1M';

/** In a directory of its own each time: ext4 is slow to give away again what has just been deleted. */
const create: Work = (workspace) => {
  const directory = mkdtempSync(join(workspace, 'files-'));
  return `cd ${basename(directory)}; i=0; while [ $i -lt ${files} ]; do : > $i || exit 1; i=$((i+1)); done; cd ..`;
};

function figure(
  name: string,
  title: string,
  work: Work,
  samples: readonly [full: number, quick: number],
): Figure {
  return {
    name,
    title,
    unit: 'ms',
    direction: 'lower',
    targets: [{ kind: 'ratio', as: 'better', peer, limit: 'atLeast', value: 0.8 }],
    run: (bench) => measure(bench, work, samples),
  };
}

/** One directory of the host in two machines: ours, and one that has the same hardware and nothing around it. */
async function measure(
  bench: Bench,
  work: Work,
  [full, quick]: readonly [number, number],
): ReturnType<Figure['run']> {
  const workspace = bench.directory('workspace');
  writeFileSync(join(workspace, 'large'), Buffer.alloc(mib * 1024 * 1024, 'w'));
  const machines = await bench.machines();
  const sandbox = await then(machines, (from) => from.create(workspace));
  try {
    const byHand = await then(both(machines, sandbox), ([from, one]) => from.byHand(one, workspace));
    const count = bench.samples(full, quick);
    return await bench.interleave(
      side({
        name: 'qemu',
        samples: count,
        from: sandbox,
        sample: (one) => {
          const command = work(workspace);
          return timed(() => runIn(one, 'sh', ['-c', command]));
        },
      }),
      [
        side({
          name: peer,
          samples: count,
          from: byHand,
          sample: (machine) => {
            const command = work(workspace);
            return timed(() => machine.run(command));
          },
        }),
      ],
    );
  } finally {
    if (sandbox.ok) await sandbox.value.remove();
    rmSync(workspace, { recursive: true, force: true });
  }
}

/** R-TIER-4: a workspace inside of a machine, beside the best mechanism there is (ADR 0017) used by hand. */
export const microvmWorkspaceFigures: readonly Figure[] = [
  figure('microvm-read', `${mib} MiB of a workspace read, qemu`, read, [10, 3]),
  figure('microvm-files', `${files} files made in a workspace, qemu`, create, [10, 3]),
];
