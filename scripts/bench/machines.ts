import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';
import { Sovereign, type Sandbox, type SnapshotRecord } from '@sovereign/sdk';
import { ourPool, type OurPool } from './ours.ts';
import type { Cleanup } from './cleanup.ts';
import { MachineByHand } from './peers/machine-by-hand.ts';
import { attempt } from './side.ts';
import type { Available } from './figure.ts';

const applets = ['sh', 'true', 'cat', 'dd', 'sync'];

/** What figures use of microVMs: machines of an image that holds busybox and nothing else. */
export interface Machines {
  /** @param workspace directory of the host, at its own path inside; default none */
  create(workspace?: string): Promise<Sandbox>;
  /** A machine like that of the sandbox, started by hand. */
  byHand(sandbox: Sandbox, workspace: string): Promise<MachineByHand>;
  pool(): Promise<OurPool>;
  resume(snapshot: SnapshotRecord): Promise<Sandbox>;
  removeSnapshot(snapshot: SnapshotRecord): Promise<void>;
  /** Proportional memory of the monitor of a sandbox, in MiB. */
  memoryMib(sandbox: Sandbox): number;
  close(): Promise<void>;
}

/** @param home `SOVEREIGN_HOME` of this run. */
export function openMachines(home: string, cleanup: Cleanup): Promise<Available<Machines>> {
  return attempt(async () => {
    const imageDirectory = fileURLToPath(new URL('../../build/images', import.meta.url));
    const own = process.env['SOVEREIGN_MICROVM_KERNEL'];
    const kernel =
      own ?? (await new LocalArtifacts({ imageDirectory, shelldPath: findShelld() }).kernel()).path;
    const client = await Sovereign.open({ home, env: { ...process.env, SOVEREIGN_MICROVM_KERNEL: kernel } });
    const image = { kind: 'rootfs', path: busyboxImage(join(home, 'busybox')) } as const;
    const options = { tier: 'qemu', image, limits: { memoryBytes: 256 * 1024 * 1024 } } as const;
    return {
      create: (workspace) => client.create({ ...options, ...(workspace !== undefined && { workspace }) }),
      byHand: (sandbox, workspace) =>
        MachineByHand.start({
          ...{ monitorPid: monitorOf(home, sandbox), kernelPath: kernel, workspace, cleanup },
          directory: join(home, `by-hand-${sandbox.id}`),
        }),
      pool: async () => ourPool(await client.pool({ ...options, size: 2 })),
      resume: ({ id }) => client.resume(id),
      removeSnapshot: ({ id }) => client.removeSnapshot(id),
      memoryMib: (sandbox) => memoryOf(monitorOf(home, sandbox)),
      close: () => client.close(),
    };
  });
}

function busyboxImage(path: string): string {
  if (existsSync(path)) return path;
  for (const name of ['bin', 'etc', 'tmp']) mkdirSync(join(path, name), { recursive: true });
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  copyFileSync(busybox, join(path, 'bin', 'busybox'));
  for (const name of applets) symlinkSync('busybox', join(path, 'bin', name));
  return path;
}

/** The child of the jail's first process, which is QEMU. */
function monitorOf(home: string, { id }: Sandbox): number {
  const machineFile = join(home, 'state', 'qemu', 'sandboxes', id, 'machine.json');
  const { pid } = JSON.parse(readFileSync(machineFile, 'utf8')) as { pid: number };
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

/** PSS of a process. */
function memoryOf(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kib ?? 0) / 1024;
}
