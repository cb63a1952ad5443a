import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { busyboxRoot } from '../images/busybox-root.ts';
import { probeTiers } from '../support/tiers.ts';
import { filesBelow } from './files-below.ts';
import { loadOwners, ofOwners, removeAll } from './owners-image.ts';
import { severalOwners } from './several-owners.ts';
import { UnprivilegedUser, type UserOptions } from './unprivileged-user.ts';

interface Diagnosis {
  readonly tiers: readonly {
    readonly backend: string | null;
    readonly detail: string;
    readonly hint: string;
  }[];
}

/** What a user may lack, and what they are told. */
const cases: Readonly<Record<string, UserOptions & { readonly why: string; readonly hint: RegExp }>> = {
  'ids for users': {
    lacks: ['subuid', 'subgid'],
    why: '/etc/subuid grants rootless no ids',
    hint: /^Grant some: sudo usermod --add-subuids (\d+-\d+) --add-subgids \1 rootless$/,
  },
  'ids for groups alone': {
    lacks: ['subgid'],
    why: '/etc/subgid grants rootless no ids',
    hint: /^Grant some: sudo usermod --add-subuids (\d+-\d+) --add-subgids \1 rootless$/,
  },
  newuidmap: {
    lacks: ['newuidmap'],
    why: 'newuidmap is not installed',
    hint: /^Install it, for example: sudo apt-get install uidmap$/,
  },
};

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, missingIds);

function missingIds(): void {
  for (const [lacking, { why, hint, ...options }] of Object.entries(cases))
    verifies(
      ['R-TIER-3', 'R-PRIM-5'],
      `without ${lacking} an image of several owners is refused with what to do; one of root’s files runs`,
      { timeoutMs: 120_000 },
      async (context) => {
        await UnprivilegedUser.play(context, options, async (user) => {
          const archive = await user.file('owners.tar', await severalOwners());
          expect(await user.isRefused('images', 'load', archive)).toMatchObject({
            reason: 'image.ids-missing',
            message: `The image has files of user 33 and group 33, which no guest here can have: ${why}.`,
            hint: expect.stringMatching(hint) as string,
          });
          expect(await user.does('images', 'ls', '--quiet')).toBe('');
          const { tiers } = JSON.parse(await user.does('doctor', '--json')) as Diagnosis;
          const quilt = tiers.find(({ backend }) => backend === 'quilt');
          expect(quilt?.detail).toContain(why);
          expect(quilt?.hint).toMatch(hint);

          await user.does('images', 'import', await user.file('root.tar', await busyboxRoot()), 'root:1');
          const run = ['run', '--quiet', '--tier', 'quilt', '--image', 'root:1', '--no-workspace'];
          expect(await user.sh(run, 'echo new > /data/old; stat -c %u /data/old; cat /data/old')).toEqual([
            '0',
            'new',
          ]);
          // Nobody but root either, and it is said where to look.
          const { stdout } = await user.call(...run, '--json', '--user', '33', '--', 'true');
          expect((JSON.parse(stdout) as { readonly error: object }).error).toMatchObject({
            reason: 'argument.invalid',
            message: expect.stringContaining('33 (EINVAL, this sandbox has no such id') as string,
            hint: expect.stringContaining('`sovereign doctor` says why, and how to be granted') as string,
          });
          await removeAll(user);
        });
      },
    );

  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'an image that was refused for want of ids is loaded once they are granted',
    { timeoutMs: 120_000 },
    async (context) => {
      await UnprivilegedUser.play(context, { lacks: ['subuid', 'subgid'] }, async (user) => {
        await expect(loadOwners(user)).rejects.toThrow('usermod');
        await user.grantIds();
        await loadOwners(user);
        const run = ['run', '--quiet', ...ofOwners, '--user', 'www'];
        expect(await user.sh(run, 'cat /srv/closed/kept')).toEqual(['kept']);
        await removeAll(user);
        const layers = await filesBelow(join(user.home, 'state', 'images', 'library', 'ingest'));
        expect(layers).toEqual([]);
      });
    },
  );
}
