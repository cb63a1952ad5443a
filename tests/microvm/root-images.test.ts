import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { rawTar } from '../../packages/images/src/tar/tar-for-test.ts';
import { probeTiers } from '../support/tiers.ts';
import { MachineScene } from './scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, rootImages);

/** Mode and owner of the root of the image that a machine booted from, and of the root that it shows, as its kernel has them. */
const lookAtRoots =
  'busybox mkdir -p /tmp/base; mount -t squashfs -o ro /dev/vda /tmp/base; busybox stat -c "%a %u %g" /tmp/base /';

function rootImages(): void {
  verifies(
    'R-TIER-4',
    'the root of an image from an archive is writable for root alone, as the machine sees it',
    { timeoutMs: 60_000 },
    async () => {
      await MachineScene.play(async (scene) => {
        // An archive with an entry for its root, which is open to all, and one without.
        execFileSync('chmod', ['0777', scene.imagePath]);
        for (const [name, what] of [
          ['with', ['.']],
          ['without', ['bin', 'etc', 'tmp']],
        ] as const) {
          const path = join(scene.root, `${name}.tar`);
          execFileSync('tar', ['-C', scene.imagePath, '-cf', path, ...what]);
          const guest = await scene.create({ image: { kind: 'tar', path } });
          expect(await scene.sh(guest, lookAtRoots)).toBe('755 0 0\n755 0 0\n');
          await guest.remove();
        }
      });
    },
  );

  verifies(
    'R-TIER-4',
    'an archive that breaks off, or whose names lead out, is refused and nothing of it is packed',
    { timeoutMs: 60_000 },
    async () => {
      await MachineScene.play(
        async (scene) => {
          const whole = execFileSync('tar', ['-C', scene.imagePath, '-cz', '.'], { maxBuffer: 1 << 26 });
          const path = join(scene.root, 'image.tar.gz');
          const create = () => scene.create({ image: { kind: 'tar', path } });
          const roots = join(scene.root, 'images', 'microvm', 'root');
          for (const bytes of [
            whole.subarray(0, whole.byteLength / 2),
            rawTar([
              { name: 'bin/', type: '5' },
              { name: '../../evil', content: 'x' },
            ]),
            rawTar([
              { name: 'bin/', type: '5' },
              { name: 'shadow', type: '1', link: '../../etc/shadow' },
            ]),
          ]) {
            await writeFile(path, bytes);
            await expect(create()).rejects.toMatchObject({ reason: 'image.invalid' });
          }
          const packed = (): string[] => readdirSync(roots).filter((name) => name !== 'by-input');
          expect(packed()).toEqual([]);
          // The twin: the whole one boots, and its root is the only one beside that of the trial machine.
          await writeFile(path, whole);
          expect(await scene.sh(await create(), 'echo up')).toBe('up\n');
          expect(packed()).toHaveLength(2);
        },
        { hasOwnImages: true },
      );
    },
  );
}
