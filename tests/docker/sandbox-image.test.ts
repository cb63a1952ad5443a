import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { findProgram } from '@sovereign/guest';
import { hostPackages } from '../../scripts/sandbox-image/host-packages.ts';
import { readRecipe } from '../../scripts/sandbox-image/recipe.ts';
import { sandboxArchive } from '../../scripts/sandbox-image/sandbox-archive.ts';
import { startEngine } from '../support/engines.ts';
import { playOn } from './scene.ts';

const engine = await startEngine('docker');

/** Why this host's own packages make no sandbox image; undefined when they do. */
function absenceOfPackages(): string | undefined {
  if (findProgram('dpkg-query') === undefined) return 'this host is no Debian';
  try {
    hostPackages(readRecipe('host').packages);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

tierTest('docker', engine.absence, () => {
  verifies(
    ['R-TIER-2', 'R-TIER-11'],
    'the sandbox image: made of packages, cached by its content, with Python and the action library',
    { timeoutMs: 120_000 },
    async (context) => {
      const absence = absenceOfPackages();
      if (absence !== undefined) skipOrFail(context, 'sandbox-image', absence);
      const cache = await mkdtemp('/tmp/svi-');
      try {
        const first = sandboxArchive('host', cache);
        expect(sandboxArchive('host', cache)).toEqual({ ...first, isCached: true });
        await playOn(engine, {}, async ({ backend, create, sh }) => {
          const reference = `sovereign/sandbox:${first.digest}`;
          await backend.engine?.images.import(createReadStream(first.path), {
            reference,
            config: { env: { LANG: 'C.UTF-8' } },
          });
          const guest = await create({ image: { kind: 'reference', reference } });
          // The library of the image and not the one that a backend mounts.
          const version = /__version__ = "([^"]+)"/.exec(
            readFileSync('python/apts/__init__.py', 'utf8'),
          )?.[1];
          expect(
            await sh(guest, 'PYTHONPATH= python3 -c "import apts; print(apts.__version__, apts.__file__)"'),
          ).toBe(`${version ?? ''} /usr/lib/python3/dist-packages/apts/__init__.py\n`);
          expect(
            await sh(guest, 'git init -q /tmp/r && cd /tmp/r && git status --short && echo clean'),
          ).toContain('clean\n');
          expect(await sh(guest, "printf 'b\\na\\n' | sort | awk '{print NR, $0}'")).toBe('1 a\n2 b\n');
          expect(
            await sh(guest, 'find / -xdev -perm -4000 -newer /etc/passwd 2>/dev/null; ls /home /root'),
          ).toBe('/home:\n\n/root:\n');
        });
      } finally {
        await rm(cache, { recursive: true, force: true });
      }
    },
  );
});
