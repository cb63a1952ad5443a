import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

interface Held {
  readonly id: string;
  readonly process: number;
}

/** The client is killed with SIGKILL; what becomes of its sandboxes is for the next one to see. */
for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, quilt);
for (const { tier, absence } of await probeTiers(['process', 'process without bubblewrap'])) {
  tierTest('process', absence, () => processTier(tier.name === 'process'));
}

function quilt(): void {
  verifies(
    'R-EXEC-5',
    'ten sandboxes outlive their client: listed, attached to, their processes followed from a cursor, removed',
    async () => {
      await FaultScene.play(async (scene) => {
        const holder = await scene.child('hold', { tier: 'quilt', count: 10 });
        const made = (await holder.heard('holding'))['made'] as readonly Held[];
        expect(made).toHaveLength(10);
        await holder.kill();

        const client = await scene.client();
        const { sandboxes, problems } = await client.list();
        expect(problems).toEqual([]);
        expect(sandboxes.map(({ id, state }) => [id, state]).sort()).toEqual(
          made.map(({ id }) => [id, 'running']).sort(),
        );
        for (const { id, process } of made) {
          const sandbox = await client.connect(id);
          expect((await sandbox.exec({ command: 'echo', args: ['hello'] })).stdoutText).toBe('hello\n');
          expect((await sandbox.processes()).find((one) => one.process === process)).toMatchObject({
            isRunning: true,
          });
          const followed = await sandbox.attach(process, { cursors: { stdout: 4, stderr: 0 } });
          const iterator = followed[Symbol.asyncIterator]();
          const first = await iterator.next();
          expect(first.done === true ? '' : Buffer.from(first.value.data).toString()).toMatch(/^2\n/);
          expect(await sandbox.kill(process)).toMatchObject({});
          await sandbox.remove();
        }
        expect((await client.list()).sandboxes).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-9',
    'a sandbox that was paused by a client that died is resumed by another, and another is removed as it is',
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const [first, second] = [
          await client.create({ tier: 'quilt' }),
          await client.create({ tier: 'quilt' }),
        ];
        for (const { id } of [first, second]) {
          const pauser = await scene.child('pause', { target: id });
          await pauser.heard('paused');
          await pauser.kill();
        }
        const next = await scene.client();
        expect((await next.list()).sandboxes.map(({ state }) => state)).toEqual(['paused', 'paused']);
        const resumed = await next.connect(first.id);
        await expect(resumed.exec({ command: 'true' })).rejects.toMatchObject({
          reason: 'sandbox.not-running',
        });
        await resumed.resume();
        expect((await resumed.exec({ command: 'echo', args: ['again'] })).stdoutText).toBe('again\n');
        await next.remove(second.id);
        await resumed.remove();
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );
}

function processTier(hasBubblewrap: boolean): void {
  const title = hasBubblewrap ? 'process' : 'process without bubblewrap';
  verifies('R-TIER-1', `${title}: ten sandboxes end with their client, and everything in them`, async () => {
    await FaultScene.play(async (scene) => {
      const holder = await scene.child('hold', {
        tier: 'process',
        count: 10,
        workspace: scene.workspace,
        isBare: !hasBubblewrap,
      });
      await holder.heard('holding');
      expect((await scene.marked()).length).toBeGreaterThan(10);
      await holder.kill();
      await eventually('nothing of it is alive', async () => (await scene.marked()).length === 0);
      const client = await scene.client();
      expect((await client.list()).sandboxes).toEqual([]);
      // Without a root of their own guests have a directory each, which the next create sweeps.
      const next = await client.create({ tier: 'process', workspace: scene.workspace });
      await next.remove();
      expect(await readdir(join(scene.home, 'run'))).toEqual([]);
    });
  });
}
