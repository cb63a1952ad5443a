import { findProgram } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies, type Skippable } from '@sovereign/testkit';
import { expect } from 'vitest';
import { busyboxRoot } from '../images/busybox-root.ts';
import { probeTiers } from '../support/tiers.ts';
import { loadOwners, removeAll } from './owners-image.ts';
import { UnprivilegedUser } from './unprivileged-user.ts';

const timeoutMs = 120_000;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, builds);

function builds(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'a Dockerfile whose steps are of several users is built, and its owners are whose they were said to be',
    { timeoutMs },
    async (context) => {
      needsBuildah(context);
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        await user.write('page', 'new');
        await user.write(
          'Dockerfile',
          'FROM owners:1\nCOPY --chown=33:33 page /srv/closed/page\nRUN id -u > ~/built\nUSER root\nRUN busybox chown 33 /data\nUSER www\n',
        );
        await user.does('images', 'build', '--tag', 'app:1', user.workspace);
        const run = ['run', '--quiet', '--tier', 'quilt', '--image', 'app:1', '--no-workspace'];
        const proof = "id -u; stat -c '%u %n' /srv/closed/page /data; cat /srv/closed/page";
        expect(await user.sh(run, proof)).toEqual(['33', '33 /srv/closed/page', '33 /data', 'new']);
        const built = 'stat -c %u ~/built; cat ~/built';
        expect(await user.sh([...run, '--user', 'app'], built)).toEqual(['1000', '1000']);
        await removeAll(user);
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'without ids a step that the builder may not run fails with what to do; a build without steps to run works',
    { timeoutMs },
    async (context) => {
      needsBuildah(context);
      await UnprivilegedUser.play(context, { lacks: ['subuid', 'subgid'] }, async (user) => {
        await user.does('images', 'import', await user.file('root.tar', await busyboxRoot()), 'root:1');
        await user.write('page', 'new');
        await user.write('Dockerfile', 'FROM root:1\nCOPY page /page\nRUN true\n');
        expect(await user.isRefused('images', 'build', '--tag', 'app:1', user.workspace)).toMatchObject({
          reason: 'image.build-failed',
          hint: expect.stringMatching(/grants rootless no ids\. Grant some: sudo usermod /) as string,
        });
        await user.write('Dockerfile', 'FROM root:1\nCOPY page /page\n');
        await user.does('images', 'build', '--tag', 'app:1', user.workspace);
        const run = ['run', '--quiet', '--tier', 'quilt', '--image', 'app:1', '--no-workspace'];
        expect(await user.sh(run, 'cat /page')).toEqual(['new']);
        await removeAll(user);
      });
    },
  );
}

function needsBuildah(context: Skippable): void {
  if (findProgram('buildah') === undefined) skipOrFail(context, 'buildah', 'buildah is not installed');
}
