import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { findProgram } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { hostPackages } from '../../scripts/sandbox-image/host-packages.ts';
import { loadSurvival, survivalName } from '../../scripts/sandbox-image/load-survival.ts';
import { readRecipe } from '../../scripts/sandbox-image/recipe.ts';
import { sandboxArchive } from '../../scripts/sandbox-image/sandbox-archive.ts';
import { probeTiers } from '../support/tiers.ts';
import { named, playNamed } from './named-scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, survival);

/** Why this host's own packages make no image; undefined when they do. */
function absenceOfPackages(): string | undefined {
  if (findProgram('dpkg-query') === undefined) return 'this host is no Debian';
  try {
    hostPackages(readRecipe('host').packages);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function survival(): void {
  verifies(
    ['R-TIER-4', 'R-TOOL-8'],
    'the survival image boots by its name and has Python, the action library and the tools of Debian',
    { timeoutMs: 240_000 },
    async (context) => {
      const absence = absenceOfPackages();
      if (absence !== undefined) skipOrFail(context, 'sandbox-image', absence);
      const cache = await mkdtemp('/tmp/svs-');
      try {
        const archive = sandboxArchive('host', cache);
        await playNamed(async ({ scene, library }) => {
          await loadSurvival(library, archive.path);
          const guest = await scene.create({
            ...named(survivalName),
            limits: { memoryBytes: 256 * 1024 * 1024 },
          });
          const version = /__version__ = "([^"]+)"/.exec(
            readFileSync('python/apts/__init__.py', 'utf8'),
          )?.[1];
          // The library of the image and not the one that the backend brings along.
          expect(
            await scene.sh(
              guest,
              'PYTHONPATH= python3 -c "import apts; print(apts.__version__, apts.__file__)"',
            ),
          ).toBe(`${version ?? ''} /usr/lib/python3/dist-packages/apts/__init__.py\n`);
          expect(
            await scene.sh(guest, 'pwd; git init -q /tmp/r && cd /tmp/r && git status --short && echo clean'),
          ).toBe('/workspace\nclean\n');
          // What an archive of the host's packages would leave open is closed, and a user of the image stays one.
          expect(
            await scene.sh(guest, "stat -c '%a %u' / /tmp /etc/passwd /usr/bin/su; ls /home /root"),
          ).toBe('755 0\n1777 0\n644 0\n4755 0\n/home:\n\n/root:\n');
        });
      } finally {
        await rm(cache, { recursive: true, force: true });
      }
    },
  );
}
