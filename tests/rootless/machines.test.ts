import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { busyboxRoot } from '../images/busybox-root.ts';
import { builtKernel } from '../microvm/scene.ts';
import { probeTiers } from '../support/tiers.ts';
import { loadOwners, removeAll } from './owners-image.ts';
import { uid, UnprivilegedUser } from './unprivileged-user.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, machines);

function machines(): void {
  verifies(
    ['R-TIER-3', 'R-TIER-4'],
    'a user without any rights has machines of an image of several owners; what is written in the workspace is the user’s',
    { timeoutMs: 240_000 },
    async (context) => {
      await UnprivilegedUser.play(context, { kernelPath: await builtKernel() }, async (user) => {
        await loadOwners(user);
        await user.write('old', 'before\n');
        const create = [
          'create',
          '--tier',
          'qemu',
          '--image',
          'owners:1',
          '--memory',
          '128m',
          '--name',
          'vm',
        ];
        await user.does(...create, '--workspace', user.workspace);
        const look = "cat old; echo new > new; stat -c '%u %a %n' new /srv/closed /app; cat /srv/closed/kept";
        const seen = ['before', '0 644 new', '33 500 /srv/closed', '1000 700 /app', 'kept'];
        expect(await user.sh(['exec', 'vm'], look)).toEqual(seen);
        expect((await stat(join(user.workspace, 'new'))).uid).toBe(uid);
        await user.does('stop', 'vm');
        await user.does('start', 'vm');
        expect(await user.sh(['exec', 'vm'], look)).toEqual(seen);
        const [copy = ''] = (await user.does('fork', 'vm')).split('\n');
        expect(await user.sh(['exec', '--user', 'www', copy], 'id -u; cat /srv/closed/kept')).toEqual([
          '33',
          'kept',
        ]);
        await removeAll(user, 'vm', copy);
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-TIER-4'],
    'a user without ids has machines all the same',
    { timeoutMs: 240_000 },
    async (context) => {
      const options = { kernelPath: await builtKernel(), lacks: ['subuid', 'subgid'] } as const;
      await UnprivilegedUser.play(context, options, async (user) => {
        await user.does('images', 'import', await user.file('root.tar', await busyboxRoot()), 'root:1');
        const run = ['run', '--quiet', '--tier', 'qemu', '--image', 'root:1', '--memory', '128m'];
        expect(await user.sh([...run, '--workspace', user.workspace], 'echo new > new; cat new')).toEqual([
          'new',
        ]);
        expect((await stat(join(user.workspace, 'new'))).uid).toBe(uid);
        await removeAll(user);
      });
    },
  );
}
