import { readFileSync } from 'node:fs';
import { findProgram } from '@sovereign/guest';
import { eventually, skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import type { Pool, PoolOptions, Sandbox, Sovereign } from '@sovereign/sdk';
import { expect } from 'vitest';
import { inPieces } from '../../packages/images/src/tar/tar-for-test.ts';
import { FaultScene } from '../faults/support.ts';
import { busyboxRoot } from '../images/busybox-root.ts';
import { probeTiers } from '../support/tiers.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, quilt);

/** A pool in a home of its own; afterwards nothing of it may be left on the host. */
async function play(
  options: PoolOptions,
  act: (pool: Pool, client: Sovereign, scene: FaultScene) => Promise<void>,
): Promise<void> {
  await FaultScene.play(async (scene) => {
    const client = await scene.client();
    await act(await client.pool({ tier: 'quilt', ...options }), client, scene);
  });
}

/** Ids of the sandboxes that a pool keeps ready. */
async function readyIds(client: Sovereign): Promise<readonly string[]> {
  const { sandboxes } = await client.list();
  return sandboxes.filter(({ spec }) => spec.pool !== undefined).map(({ id }) => id);
}

/** The first process of a sandbox, as the host counts. */
function firstProcess(scene: FaultScene, id: string): number {
  const file = scene.path('h', 'state', 'quilt', 'sandboxes', id, 'guest.json');
  return Number(/"pid":(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]);
}

function quilt(): void {
  verifies(
    'R-NEW-4',
    'a claimed sandbox has what the claim gave it, and lives on when the pool is drained',
    async () => {
      await play({ size: 2, env: { A: 'pool' } }, async (pool, client, scene) => {
        const sandbox = await pool.claim({ name: 'mine', env: { B: 'claim' }, limits: { pids: 64 } });
        const { stdoutText } = await sandbox.commands.run('echo $A $B');
        expect(stdoutText).toBe('pool claim\n');
        await pool.whenFull();
        expect(await readyIds(client)).toHaveLength(2);
        await pool.drain();
        const { sandboxes } = await client.list();
        expect(sandboxes).toEqual([expect.objectContaining({ id: sandbox.id, state: 'running' })]);
        // Another client finds it as the claim made it.
        const other = await scene.client();
        const found = await other.connect('mine');
        expect((await found.commands.run('echo $A $B')).stdoutText).toBe('pool claim\n');
        await expect(other.create({ tier: 'quilt', name: 'mine' })).rejects.toMatchObject({
          reason: 'sandbox.exists',
        });
        await sandbox.remove();
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-4',
    '50 claims at once on a real engine: each its own, and nothing is left',
    { timeoutMs: 120_000 },
    async () => {
      await play({ size: 6, concurrency: 4 }, async (pool, _client, scene) => {
        const claimed = await Promise.all(
          Array.from({ length: 50 }, (_, index) => pool.claim({ env: { NUMBER: String(index) } })),
        );
        expect(new Set(claimed.map(({ id }) => id)).size).toBe(50);
        const said = await Promise.all(claimed.map((sandbox) => sandbox.commands.run('echo $NUMBER')));
        expect(said.map(({ stdoutText }) => stdoutText)).toEqual(claimed.map((_, index) => `${index}\n`));
        await pool.drain();
        await Promise.all(claimed.map((sandbox) => sandbox.remove()));
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-4',
    'what was killed, removed or stopped behind the back of the pool is not handed out',
    async () => {
      await play({ size: 3 }, async (pool, client, scene) => {
        await pool.whenFull();
        const [killed = '', removed = '', stopped = ''] = await readyIds(client);
        process.kill(firstProcess(scene, killed), 'SIGKILL');
        await client.remove(removed);
        await eventually('both are noticed', () => pool.status().lost === 2);
        process.kill(firstProcess(scene, stopped), 'SIGSTOP');
        const claimed = await Promise.all([pool.claim(), pool.claim(), pool.claim()]);
        for (const sandbox of claimed) {
          expect([killed, removed, stopped]).not.toContain(sandbox.id);
          expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
        }
        expect(pool.status()).toMatchObject({ claimed: 3, lost: 3 });
        await pool.drain();
        expect((await client.list()).sandboxes.map(({ id }) => id).sort()).toEqual(
          claimed.map(({ id }) => id).sort(),
        );
      });
    },
  );

  verifies('R-NEW-4', 'a sandbox that was claimed and dies is the claimant’s, not the pool’s', async () => {
    await play({ size: 1 }, async (pool, client, scene) => {
      const sandbox = await pool.claim();
      await pool.whenFull();
      process.kill(firstProcess(scene, sandbox.id), 'SIGKILL');
      await eventually('it is dead', async () => (await sandbox.status()) === 'stopped');
      expect(pool.status()).toMatchObject({ ready: 1, lost: 0 });
      await pool.drain();
      expect((await client.list()).sandboxes.map(({ id }) => id)).toEqual([sandbox.id]);
    });
  });

  verifies('R-NEW-4', 'a workspace of the pool is in every sandbox; another one is refused', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      const pool = await client.pool({ tier: 'quilt', size: 1, workspace: scene.workspace });
      const sandbox = await pool.claim();
      await sandbox.files.write('made-inside', 'here');
      expect(await sandbox.files.readText('made-inside')).toBe('here');
      const other = scene.path('h', 'other');
      await expect(pool.claim({ workspace: other })).rejects.toMatchObject({ name: 'SovereignError' });
      await pool.drain();
    });
  });

  verifies(
    ['R-NEW-4', 'R-PRIM-5'],
    'a claimed sandbox has USER, WORKDIR and environment of its image; pool and claim may name another user',
    async (context) => {
      if (findProgram('busybox') === undefined) skipOrFail(context, 'busybox', 'busybox is not installed');
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const config = { user: '1234', workingDirectory: '/srv', env: { PATH: '/bin', SAID: 'image' } };
        await client.images.import(inPieces(await busyboxRoot(), 256 * 1024), { reference: 'app:1', config });
        const says = async (sandbox: Sandbox): Promise<string> =>
          (await sandbox.commands.run('echo $(id -u) $(id -g) $(pwd) $HOME $SAID')).stdoutText;
        const asked = { tier: 'quilt', image: 'app:1', size: 1 } as const;
        await using plain = await client.pool(asked);
        expect(await says(await plain.claim())).toBe('1234 0 /srv / image\n');
        expect(await says(await plain.claim({ user: '7:8' }))).toBe('7 8 /srv / image\n');
        await using named = await client.pool({ ...asked, user: '5' });
        expect(await says(await named.claim())).toBe('5 0 /srv / image\n');
        expect(await says(await named.claim({ user: '0', name: 'root' }))).toBe('0 0 /srv / image\n');
        // Another client finds it as the claim made it.
        expect(await says(await (await scene.client()).connect('root'))).toBe('0 0 /srv / image\n');
        await named.whenFull();
        await expect(named.claim({ user: 'a:b:c' })).rejects.toMatchObject({ reason: 'argument.invalid' });
        expect(named.status()).toMatchObject({ ready: 1, claimed: 2 });
      });
    },
  );

  verifies(
    ['R-NEW-4', 'R-PRIM-6'],
    'a pool whose process was killed: the next pool removes what it kept, and not what was claimed',
    async () => {
      await FaultScene.play(async (scene) => {
        const holder = await scene.child('pool', { count: 3 });
        const claimed = (await holder.heard('pooled'))['claimed'];
        await holder.kill();
        const client = await scene.client();
        const abandoned = await readyIds(client);
        expect(abandoned).toHaveLength(3);
        await expect(client.connect(abandoned[0] ?? '')).rejects.toMatchObject({ reason: 'pool.reserved' });
        await using pool = await client.pool({ tier: 'quilt', size: 1 });
        const ready = await readyIds(client);
        expect(ready).toHaveLength(1);
        expect(abandoned).not.toContain(ready[0]);
        const sandbox = await client.connect('claimed');
        expect(sandbox.id).toBe(claimed);
        expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
        expect(pool.status().lost).toBe(0);
      });
    },
  );
}
