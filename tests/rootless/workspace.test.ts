import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
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
}
