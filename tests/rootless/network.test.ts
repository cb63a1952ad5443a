import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { probeTiers } from '../support/tiers.ts';
import { loadOwners, ofOwners, removeAll } from './owners-image.ts';
import { UnprivilegedUser } from './unprivileged-user.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, network);

function network(): void {
  verifies(
    ['R-TIER-3', 'R-NEW-2'],
    'a published port is answered, and a link leads from one container to another until it is severed',
    { timeoutMs: 120_000 },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await loadOwners(user);
        for (const name of ['web', 'db']) await user.does('create', ...ofOwners, '--name', name);
        const server = ['busybox', 'httpd', '-f', '-p', '127.0.0.1:8000', '-h', '/srv'];
        await user.does('exec', '--detach', 'db', '--', ...server);
        const port = await freePort();
        await user.does('port', 'publish', '--detach', 'db', `${port}:8000`);
        await eventually('the published port is answered', async () => {
          const answer = await fetch(`http://127.0.0.1:${port}/page`).catch(() => undefined);
          return (await answer?.text()) === 'page';
        });
        const ask = ['exec', 'web', '--', 'busybox', 'wget', '-q', '-O', '-', 'http://db:8000/page'] as const;
        expect((await user.call(...ask)).stdout).toBe('');
        await user.does('link', '--detach', 'web', 'db', '8000');
        expect(await user.does(...ask)).toBe('page');
        await user.does('link', 'rm', 'web', 'db', '8000');
        expect((await user.call(...ask)).stdout).toBe('');
        await user.does('port', 'rm', 'db', `${port}:8000`);
        await expect(fetch(`http://127.0.0.1:${port}/page`)).rejects.toThrow();
        await removeAll(user, 'web', 'db');
      });
    },
  );
}
