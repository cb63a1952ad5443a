import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
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
}
