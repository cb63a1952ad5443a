import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { filesBelow } from './files-below.ts';
import { loadOwners, ofOwners, removeAll } from './owners-image.ts';
import { owners } from './several-owners.ts';
import { subordinate, uid, UnprivilegedUser } from './unprivileged-user.ts';

const timeoutMs = 120_000;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, containers);

/** Host id of a user of an image: 1 inside is the first that was granted. */
const onHost = (id: number): number => subordinate.first + id - 1;

function containers(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'an image of several owners has them inside, each with their rights; on the host they are ids of the user',
    { timeoutMs },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        await user.does('create', ...ofOwners, '--name', 'one');
        const look = "stat -c '%u %g %a %n' /srv/page /srv/closed /app";
        expect(
          await user.sh(['exec', 'one'], `id -u; ${look}; cat /srv/closed/kept || echo mine > ~/mine`),
        ).toEqual(['1000', '33 33 644 /srv/page', '33 33 500 /srv/closed', '1000 1000 700 /app']);
        expect(await user.sh(['exec', '--user', 'www', 'one'], 'id -u; cat /srv/closed/kept')).toEqual([
          '33',
          'kept',
        ]);
        const asRoot = 'id -u; echo root > /app/root; stat -c %u /app/*; cat /srv/closed/kept';
        expect(await user.sh(['exec', '--user', 'root', 'one'], asRoot)).toEqual(['0', '1000', '0', 'kept']);
        const written = (await filesBelow(join(user.home, 'state', 'quilt', 'sandboxes'))).filter(
          ({ path }) => /\/app\/(mine|root)$/.test(path),
        );
        expect(written.map((file) => file.uid).toSorted((a, b) => a - b)).toEqual([uid, onHost(owners.app)]);
        await removeAll(user, 'one');
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-PRIM-1'],
    'a container of several owners is stopped, started, forked, committed, and its image run',
    { timeoutMs },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        await user.does('create', ...ofOwners, '--name', 'one');
        await user.does('exec', 'one', '--', 'sh', '-c', 'echo mine > ~/mine');
        const asWww = 'chmod 700 /srv/closed; echo new > /srv/closed/new; chmod 400 /srv/closed/new';
        await user.sh(['exec', '--user', 'www', 'one'], asWww);
        await user.does('stop', 'one');
        await user.does('fork', 'one', '--name', 'two');
        await user.does('commit', 'one', 'kept:1');
        for (const name of ['one', 'two']) await user.does('start', name);
        const run = ['run', '--quiet', '--tier', 'quilt', '--image', 'kept:1', '--no-workspace'];
        const proof =
          "cat /srv/closed/new; stat -c '%u %a' /srv/closed /srv/closed/new; cat /srv/closed/kept";
        for (const words of [['exec', 'one'], ['exec', 'two'], run]) {
          expect(await user.sh(words, 'id -u; cat ~/mine; stat -c %u ~/mine')).toEqual([
            '1000',
            'mine',
            '1000',
          ]);
          const said = await user.sh([...words, '--user', 'www'], proof);
          expect(said, words.join(' ')).toEqual(['new', '33 700', '33 400', 'kept']);
        }
        await user.does('exec', 'two', '--', 'rm', '/app/mine');
        expect(await user.sh(['exec', 'one'], 'cat ~/mine')).toEqual(['mine']);
        expect(await user.does('diff', 'two')).toBe('C /srv/closed\nA /srv/closed/new');
        await removeAll(user, 'one', 'two');
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-PRIM-4'],
    'a volume is shared by two containers with its owners, and goes with the files of all of them',
    { timeoutMs },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        await user.does('volume', 'create', 'data');
        for (const name of ['one', 'two'])
          await user.does('create', ...ofOwners, '--volume', 'data:/data', '--name', name);
        await user.does('exec', '--user', 'root', 'one', '--', 'chmod', '1777', '/data');
        await user.sh(['exec', 'one'], 'echo app > /data/app');
        await user.sh(['exec', '--user', 'www', 'two'], 'cat /data/app > /data/www; chmod 400 /data/www');
        const refused = "stat -c '%u %n' /data/*; cat /data/www || echo refused";
        expect(await user.sh(['exec', 'one'], refused)).toEqual([
          '1000 /data/app',
          '33 /data/www',
          'refused',
        ]);
        await user.does('rm', '--force', 'one');
        expect(await user.sh(['exec', '--user', 'www', 'two'], 'cat /data/www')).toEqual(['app']);
        await removeAll(user, 'two');
        await user.does('volume', 'rm', 'data');
      });
    },
  );
}
