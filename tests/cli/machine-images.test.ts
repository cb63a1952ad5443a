import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';
import { testRootfs, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { microvmImageDirectory, probeTiers } from '../support/tiers.ts';
import { CommandLine } from './command.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, machineImages);

function machineImages(): void {
  verifies(
    'R-TIER-4',
    'sovereign run boots a microVM from the name of an image, and lets go of it',
    { timeoutMs: 90_000 },
    async () => {
      const artifacts = new LocalArtifacts({
        imageDirectory: microvmImageDirectory,
        shelldPath: findShelld(),
      });
      const env = { SOVEREIGN_MICROVM_KERNEL: (await artifacts.kernel()).path };
      const line = await CommandLine.create();
      try {
        await writeFile(join(line.workspace, 'rootfs.tar'), testRootfs({ hasBusybox: true }));
        const words = [
          'images',
          'import',
          'rootfs.tar',
          'base:1',
          '--env',
          'COLOUR=blue',
          '--workdir',
          '/etc',
        ];
        expect(await line.call(words)).toMatchObject({ exitCode: 0 });
        const run = (image: string) =>
          line.call(
            [
              ...['run', '--tier', 'qemu', '--no-workspace', '--pull', 'never', '--image', image],
              ...['--', 'sh', '-c', 'echo $COLOUR; pwd'],
            ],
            { env },
          );
        expect(await run('base:1')).toMatchObject({ exitCode: 0, stdout: 'blue\n/etc\n' });
        const leases = join(line.home, 'state', 'images', 'library', 'leases');
        expect(await readdir(leases)).toEqual([]);
        expect((await line.call(['gc', '--dry-run'])).stdout).not.toContain('qemu/root/');
        expect(await line.call(['images', 'rm', 'base:1'])).toMatchObject({ exitCode: 0 });
        const planned = await line.call(['gc', '--dry-run']);
        expect(planned.stdout).toMatch(/qemu\/root\/[0-9a-f]{64}/);
        expect(await line.call(['gc'])).toMatchObject({ exitCode: 0 });
        expect((await line.call(['gc', '--dry-run'])).stdout).not.toContain('qemu/root/');
        const refused = await run('other:1');
        expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
        expect(refused.stderr).toContain('No image has the name "other:1"');
      } finally {
        await line.dispose();
      }
    },
  );
}
