import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProcessBackend, createQemuBackend, createQuiltBackend } from '@sovereign/backends';
import type { Backend } from '@sovereign/core';
import { findShelld } from '@sovereign/guest';
import type { Absence, BackendDirectories } from '@sovereign/testkit';

/** A tier as tests bring it up: its name, and how to make its backend on given directories. */
export interface TestTier {
  readonly name:
    'process' | 'process without bubblewrap' | 'quilt' | 'docker' | 'docker elsewhere' | 'podman' | 'qemu';
  /** What `SOVEREIGN_REQUIRE` calls it. */
  readonly need: 'process' | 'quilt' | 'docker' | 'podman' | 'qemu';
  /** It has a kernel of its own: its processes are none of the host's. Default false. */
  readonly isMachine?: boolean;
  create(directories: BackendDirectories): Backend;
}

const pythonPath = fileURLToPath(new URL('../../python', import.meta.url));

/** Kernel and root file systems of microVMs are built once for all tests, by `npm test`. */
export const microvmImageDirectory = fileURLToPath(new URL('../../build/images', import.meta.url));

const common = ({ stateDir, runtimeDir }: BackendDirectories) => ({
  stateDirectory: stateDir,
  runtimeDirectory: runtimeDir,
  shelldPath: findShelld(),
  pythonPath,
});

export const testTiers: readonly TestTier[] = [
  { name: 'process', need: 'process', create: (directories) => createProcessBackend(common(directories)) },
  {
    name: 'process without bubblewrap',
    need: 'process',
    create: (directories) => createProcessBackend({ ...common(directories), bubblewrapPath: null }),
  },
  { name: 'quilt', need: 'quilt', create: (directories) => createQuiltBackend(common(directories)) },
  {
    name: 'qemu',
    need: 'qemu',
    isMachine: true,
    create: (directories) =>
      createQemuBackend({
        ...common(directories),
        imageDirectory: microvmImageDirectory,
        ...(process.env['SOVEREIGN_MICROVM_KERNEL'] !== undefined && {
          kernelPath: process.env['SOVEREIGN_MICROVM_KERNEL'],
        }),
      }),
  },
];

/** Asks the tier itself whether it can run here. */
export async function absenceOf(tier: TestTier): Promise<Absence> {
  const root = await mkdtemp(join(tmpdir(), 'svp-'));
  try {
    const directories = { stateDir: join(root, 's'), runtimeDir: join(root, 'r') };
    await mkdir(directories.stateDir, { mode: 0o700 });
    await mkdir(directories.runtimeDir, { mode: 0o700 });
    const backend = tier.create(directories);
    const probe = await backend.probe();
    await backend.close();
    return probe.ok ? { isMissing: false } : { isMissing: true, reason: `${probe.reason} ${probe.hint}` };
  } catch (error) {
    return { isMissing: true, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

export interface PresentTier {
  readonly tier: TestTier;
  readonly absence: Absence;
}

/** Tiers whose guests run on the host's kernel: what is asked of that kernel is asked of these. */
export const tiersOnHostKernel = ['process', 'process without bubblewrap', 'quilt'] as const;
export const allTiers: readonly TestTier['name'][] = [...tiersOnHostKernel, 'qemu'];

/** Every tier with what its probe said, in order. Default: those on the host's kernel. */
export async function probeTiers(
  names: readonly TestTier['name'][] = tiersOnHostKernel,
): Promise<readonly PresentTier[]> {
  const wanted = testTiers.filter(({ name }) => names.includes(name));
  const found: PresentTier[] = [];
  for (const tier of wanted) found.push({ tier, absence: await absenceOf(tier) });
  return found;
}
