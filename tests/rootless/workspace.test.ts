import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { loadOwners, removeAll } from './owners-image.ts';
import { uid, UnprivilegedUser } from './unprivileged-user.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, workspaces);

function workspaces(): void {
  verifies(
    ['R-TIER-3', 'R-NEW-8'],
    'what is written in a workspace that is reviewed is the user’s once it is applied, and is undone',
    { timeoutMs: 120_000 },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        const at = (name: string): string => join(user.workspace, name);
        await user.write('old', 'before\n');
        const created = ['--tier', 'quilt', '--workspace', user.workspace, '--review', '--name', 'dev'];
        await user.does('create', ...created);
        await user.sh(['exec', 'dev'], 'echo after > old; mkdir sub; echo new > sub/new');
        expect(await readFile(at('old'), 'utf8')).toBe('before\n');
        expect(await user.does('diff', '--workspace', 'dev')).toBe('C old\nA sub\nA sub/new');
        await user.does('apply', 'dev', '.');
        expect(await readFile(at('old'), 'utf8')).toBe('after\n');
        for (const name of ['old', 'sub', 'sub/new']) expect((await stat(at(name))).uid, name).toBe(uid);
        await user.does('undo', 'dev');
        expect(await readFile(at('old'), 'utf8')).toBe('before\n');
        await expect(stat(at('sub'))).rejects.toMatchObject({ code: 'ENOENT' });
        await user.does('rm', '--force', 'dev');
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'where USER of an image cannot write in the workspace, create says who can',
    { timeoutMs: 120_000 },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        await user.write('old', 'before\n');
        const create = ['create', '--tier', 'quilt', '--image', 'owners:1', '--workspace', user.workspace];
        const told = await user.call(...create, '--name', 'app');
        expect(told.stderr).toMatch(
          /Warning: Commands run as "app", .* belongs to root inside: .*--user root\.\n/,
        );
        expect((await user.call('exec', 'app', '--', 'sh', '-c', 'echo after > old')).exitCode).not.toBe(0);
        await user.sh(['exec', '--user', 'root', 'app'], 'echo after > old; echo new > new');
        for (const name of ['old', 'new']) expect((await stat(join(user.workspace, name))).uid).toBe(uid);
        for (const [name, options] of Object.entries({ root: ['--user', 'root'], reader: ['--read-only'] }))
          expect((await user.call(...create, ...options, '--name', name)).stderr).not.toContain('Warning');
        await removeAll(user, 'app', 'root', 'reader');
      });
    },
  );
}
