import { existsSync } from 'node:fs';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineHome } from './machine-home.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, races);

function races(): void {
  verifies(
    ['R-TIER-4', 'R-TIER-9'],
    'a removal that meets a start waits for it: both end, no monitor and nothing else is left',
    { timeoutMs: 240_000 },
    async () => {
      await MachineHome.play(async (machines) => {
        const client = await machines.client();
        for (let round = 0; round < 6; round++) {
          const { id } = await client.create({ ...machines.options, autoStart: false });
          const start = await machines.child('start', { target: id });
          const remove = await machines.child('remove', { target: id });
          for (const racer of [start, remove]) await racer.heard('ready');
          start.go();
          // In odd rounds the removal meets a start that is under way, in even ones either may be first.
          const lock = machines.scene.path('h', 'state', 'qemu', 'sandboxes', id, 'start.lock');
          if (round % 2 === 1) await eventually('it is being started', () => existsSync(lock));
          remove.go();
          const [started, removed] = [await start.result(), await remove.result()];
          expect(removed).toMatchObject({ event: 'done' });
          // Refused, or up and then ended while it booted: never caught in the middle of a launch.
          const said = `${started.event} ${String(started['reason'])}: ${String(started['message'])}`;
          expect(said).toMatch(
            /^(done |failed (sandbox\.not-found|sandbox\.not-running|guest\.crashed|channel\.closed): )/,
          );
          expect(await machines.left()).toEqual([]);
        }
      });
    },
  );

  verifies(
    ['R-TIER-4', 'R-TIER-9'],
    'of two processes that start one machine at once one does, and it is one machine',
    { timeoutMs: 120_000 },
    async () => {
      await MachineHome.play(async (machines) => {
        const client = await machines.client();
        const { id } = await client.create({ ...machines.options, autoStart: false });
        const racers = await Promise.all([0, 1].map(() => machines.child('start', { target: id })));
        for (const racer of racers) await racer.heard('ready');
        for (const racer of racers) racer.go();
        const outcomes = await Promise.all(racers.map((racer) => racer.result()));
        const reasons = outcomes.flatMap(({ event, reason }) => (event === 'done' ? [] : [reason]));
        expect(reasons.length).toBeLessThan(2);
        for (const reason of reasons) expect(reason).toBe('sandbox.not-running');
        const sandbox = await (await machines.client()).connect(id);
        expect((await sandbox.commands.run('echo answers')).stdoutText).toBe('answers\n');
        await sandbox.remove();
        expect(await machines.left()).toEqual([]);
      });
    },
  );
}
