import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import type { Sovereign } from '@sovereign/sdk';
import { expect } from 'vitest';
import { MachineHome } from '../microvm/machine-home.ts';
import { probeTiers } from '../support/tiers.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, qemu);

const patience = { timeoutMs: 120_000 };

/** Ids of the sandboxes that a pool keeps ready. */
async function readyIds(client: Sovereign): Promise<readonly string[]> {
  const { sandboxes } = await client.list();
  return sandboxes.filter(({ spec }) => spec.pool !== undefined).map(({ id }) => id);
}

function qemu(): void {
  verifies(
    'R-NEW-4',
    'a claimed machine has what the claim gave it, an identity of its own, and outlives the pool',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const client = await machines.client();
        const pool = await client.pool({ ...machines.options, size: 2, env: { A: 'pool' } });
        await pool.whenFull();
        expect(pool.status()).toMatchObject({ backend: 'qemu', refill: 'snapshot', ready: 2 });
        const claimed = [
          await pool.claim({ name: 'mine', env: { B: 'claim' } }),
          await pool.claim({ name: 'yours' }),
          await pool.claim(),
        ];
        const [mine, yours, nameless] = claimed;
        if (mine === undefined || yours === undefined || nameless === undefined) throw new Error('unclaimed');
        expect((await mine.commands.run('echo $A $B; hostname')).stdoutText).toBe('pool claim\nmine\n');
        expect((await yours.commands.run('echo $A$B; hostname')).stdoutText).toBe('pool\nyours\n');
        const unique =
          'cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id; hostname; od -An -N16 -tx1 /dev/urandom';
        const seen = await Promise.all(claimed.map((sandbox) => sandbox.commands.run(unique)));
        const lines = seen.flatMap(({ stdoutText }) => stdoutText.trim().split('\n'));
        expect(lines).toHaveLength(claimed.length * 5);
        expect(new Set(lines).size).toBe(lines.length);
        const clock = Number((await nameless.commands.run('busybox date +%s')).stdoutText);
        expect(Math.abs(clock - Date.now() / 1_000)).toBeLessThan(5);
        const heard = mine.commands.run('busybox mkfifo /pipe; echo made; cat /pipe');
        await pool.drain();
        // Another client finds it as the claim made it.
        const found = await (await machines.client()).connect('mine');
        expect(found.id).toBe(mine.id);
        expect((await found.commands.run('echo $A $B')).stdoutText).toBe('pool claim\n');
        await found.commands.run('until busybox test -p /pipe; do :; done; echo said > /pipe');
        expect((await heard).stdoutText).toBe('made\nsaid\n');
        await expect(client.create({ ...machines.options, name: 'mine' })).rejects.toMatchObject({
          reason: 'sandbox.exists',
        });
        for (const sandbox of claimed) await sandbox.remove();
        expect(await machines.left()).toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-4',
    '12 claims at once on real machines: each its own, and nothing is left',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const pool = await (await machines.client()).pool({ ...machines.options, size: 3 });
        const numbers = Array.from({ length: 12 }, (_, index) => String(index));
        const claimed = await Promise.all(numbers.map((NUMBER) => pool.claim({ env: { NUMBER } })));
        expect(new Set(claimed.map(({ id }) => id)).size).toBe(12);
        const said = await Promise.all(claimed.map((sandbox) => sandbox.commands.run('echo $NUMBER')));
        expect(said.map(({ stdoutText }) => stdoutText)).toEqual(numbers.map((number) => `${number}\n`));
        await pool.drain();
        await Promise.all(claimed.map((sandbox) => sandbox.remove()));
        expect(await machines.left()).toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-4',
    'a machine that was killed, removed or stopped behind the back of the pool is not handed out',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const client = await machines.client();
        const pool = await client.pool({ ...machines.options, size: 3 });
        await pool.whenFull();
        const [killed = '', removed = '', stopped = ''] = await readyIds(client);
        process.kill(await machines.firstProcess(killed), 'SIGKILL');
        await client.remove(removed);
        await eventually('both are noticed', () => pool.status().lost === 2);
        process.kill(await monitorOf(await machines.firstProcess(stopped)), 'SIGSTOP');
        const claimed = await Promise.all([pool.claim(), pool.claim(), pool.claim()]);
        for (const sandbox of claimed) {
          expect([killed, removed, stopped]).not.toContain(sandbox.id);
          expect((await sandbox.exec({ command: 'busybox', args: ['true'] })).exitCode).toBe(0);
        }
        expect(pool.status()).toMatchObject({ claimed: 3, lost: 3 });
        await pool.drain();
      });
    },
  );

  verifies(
    'R-NEW-4',
    'a workspace of the pool is in every machine; another one and other limits are refused',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const { scene } = machines;
        const client = await machines.client();
        const pool = await client.pool({ ...machines.options, size: 1, workspace: scene.workspace });
        const sandbox = await pool.claim();
        await sandbox.files.write('made-inside', 'here');
        expect(await readFile(join(scene.workspace, 'made-inside'), 'utf8')).toBe('here');
        const missing = { reason: 'capability.missing' };
        await expect(pool.claim({ workspace: scene.path('image') })).rejects.toMatchObject(missing);
        await expect(pool.claim({ limits: { cpus: 2 } })).rejects.toMatchObject(missing);
        await pool.drain();
      });
    },
  );

  verifies(
    ['R-NEW-4', 'R-PRIM-6'],
    'a pool whose process was killed: gc removes what it kept, and not what was claimed',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const holder = await machines.child('pool', { count: 2 });
        const claimed = (await holder.heard('pooled', 60_000))['claimed'];
        await holder.kill();
        const client = await machines.client();
        const abandoned = await readyIds(client);
        expect(abandoned).toHaveLength(2);
        await expect(client.connect(abandoned[0] ?? '')).rejects.toMatchObject({ reason: 'pool.reserved' });
        await client.gc();
        expect(await readyIds(client)).toEqual([]);
        const sandbox = await client.connect('claimed');
        expect(sandbox.id).toBe(claimed);
        expect((await sandbox.exec({ command: 'busybox', args: ['true'] })).exitCode).toBe(0);
        await sandbox.remove();
        // Its snapshot goes with the next pool.
        await (await client.pool({ ...machines.options, size: 1 })).drain();
        expect(await machines.left()).toEqual([]);
      });
    },
  );
}

/** QEMU, the one child of the jail's first process. */
async function monitorOf(first: number): Promise<number> {
  return Number((await readFile(`/proc/${first}/task/${first}/children`, 'utf8')).trim());
}
