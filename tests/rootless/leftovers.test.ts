import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { filesBelow } from './files-below.ts';
import { loadOwners, ofOwners, removeAll } from './owners-image.ts';
import { ownedRoot } from './several-owners.ts';
import { uid, UnprivilegedUser } from './unprivileged-user.ts';

const timeoutMs = 120_000;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, leftovers);

/** What ends the name of a thing whose maker has died: a process id that no host gives, with a start time. */
const ofNobody = '.of-4194305-1-0';

function leftovers(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-7'],
    'of an archive that breaks off nothing is left, whoever its files belong to; the whole one runs',
    { timeoutMs },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        const whole = await ownedRoot();
        // Cut within the last file, when the closed directory of another user is there.
        const cut = await user.file('cut.tar', whole.subarray(0, -2048));
        const create = ['create', '--tier', 'quilt', '--no-workspace', '--image', cut];
        expect(await user.isRefused(...create)).toMatchObject({ reason: 'image.invalid' });
        expect(await user.isRefused('images', 'import', cut, 'owned:1')).toMatchObject({
          reason: 'image.corrupt',
        });
        const images = join(user.home, 'state', 'images');
        expect((await filesBelow(images)).filter((file) => file.uid !== uid)).toEqual([]);
        await user.does('images', 'import', await user.file('whole.tar', whole), 'owned:1');
        const run = [
          'run',
          '--quiet',
          '--tier',
          'quilt',
          '--image',
          'owned:1',
          '--no-workspace',
          '--user',
          'www',
        ];
        expect(await user.sh(run, 'cat /srv/closed/kept')).toEqual(['kept']);
        await removeAll(user);
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-PRIM-7'],
    'gc removes what processes that died have left, whoever its files belong to',
    { timeoutMs },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        const sandbox = await user.does('create', ...ofOwners);
        await user.sh(
          ['exec', '--user', 'www', sandbox],
          'chmod 700 /srv/closed; echo new > /srv/closed/new',
        );
        // As a fork and an unpacking that were broken off, which is what their names say.
        const layer = join(user.home, 'state', 'quilt', 'sandboxes', sandbox, 'layer');
        const left = ['quilt/sandboxes/_fork', 'images/library/layers/unpacking'].map((name) =>
          join(user.home, 'state', `${name}${ofNobody}`),
        );
        for (const path of left) execFileSync('cp', ['-a', layer, path]);
        const plan = await user.does('gc', '--dry-run');
        for (const path of left) expect(plan).toContain(basename(path));
        await user.does('gc');
        for (const path of left) expect(existsSync(path), path).toBe(false);
        await removeAll(user, sandbox);
      });
    },
  );
}
