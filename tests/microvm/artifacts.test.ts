import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { microvmImageDirectory, probeTiers } from '../support/tiers.ts';
import { makeImage, MachineScene } from './scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, artifacts);

async function inDirectory(act: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'sva-'));
  try {
    await act(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function open(imageDirectory: string): LocalArtifacts {
  return new LocalArtifacts({ imageDirectory, shelldPath: findShelld() });
}

function artifacts(): void {
  verifies(
    'R-TIER-4',
    'the kernel is built from the source of the distribution and kept',
    async (context) => {
      const kernel = await open(microvmImageDirectory)
        .kernel()
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      if (typeof kernel === 'string') return skipOrFail(context, 'kernel', kernel);
      expect((await readFile(kernel.path)).subarray(0, 4).toString('latin1')).toBe('\u007fELF');
      expect(kernel.path.startsWith(join(microvmImageDirectory, 'microvm', 'kernel'))).toBe(true);
      expect(execFileSync('git', ['check-ignore', microvmImageDirectory], { encoding: 'utf8' })).not.toBe('');
    },
  );

  verifies('R-TIER-4', 'the same inputs give the same digests; a changed file gives another', async () => {
    await inDirectory(async (root) => {
      await makeImage(join(root, 'image'));
      await utimes(join(root, 'image', 'etc', 'hosts'), 1, 1);
      const image = { kind: 'rootfs', path: join(root, 'image') } as const;
      const [one, other] = [open(join(root, 'one')), open(join(root, 'other'))];
      const pairs = [
        [(await one.rootImage(image)).base, (await other.rootImage(image)).base],
        [await one.initrd(), await other.initrd()],
        [await one.emptyDisk(64 * 1024 * 1024), await other.emptyDisk(64 * 1024 * 1024)],
      ] as const;
      for (const [a, b] of pairs) {
        expect(a.digest).toBe(b.digest);
        expect((await readFile(a.path)).equals(await readFile(b.path))).toBe(true);
      }
      await writeFile(join(root, 'image', 'etc', 'hosts'), 'changed');
      expect((await one.rootImage(image)).base.digest).not.toBe(pairs[0][0].digest);
    });
  });

  verifies(
    'R-TIER-4',
    'a tar becomes a root file system, and no name in it reaches the host',
    { timeoutMs: 60_000 },
    async () => {
      await MachineScene.play(async (scene) => {
        const [archive, outside] = [join(scene.root, 'image.tar'), join(scene.root, 'outside')];
        const script = `
import tarfile, io, sys
archive, image, outside = sys.argv[1:]
with tarfile.open(archive, 'w') as tar:
    tar.add(image, arcname='.')
    for name in ('../../../../../../..' + outside, outside):
        info = tarfile.TarInfo(name); info.size = 4
        tar.addfile(info, io.BytesIO(b'evil'))
`;
        execFileSync('python3', ['-c', script, archive, scene.imagePath, outside]);
        const made = scene.create({ image: { kind: 'tar', path: archive } }).then(
          async (guest) => scene.sh(guest, 'echo up'),
          (error: unknown) => (error as { reason: string }).reason,
        );
        expect(['up\n', 'image.invalid']).toContain(await made);
        expect(existsSync(outside)).toBe(false);
        execFileSync('tar', ['-C', scene.imagePath, '-czf', archive, '.']);
        expect(await scene.sh(await scene.create({ image: { kind: 'tar', path: archive } }), 'echo up')).toBe(
          'up\n',
        );
        await writeFile(archive, 'no archive');
        await expect(scene.create({ image: { kind: 'tar', path: archive } })).rejects.toMatchObject({
          reason: 'image.invalid',
        });
      });
    },
  );
}
