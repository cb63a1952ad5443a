import { fork } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { once as onceEvent } from 'node:events';
import { processIdentity } from '@sovereign/core';
import { eventually, verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';
import { actorsOf, begun, play, playHouse, playIn } from './scene.ts';

describe('tasks and sessions', () => {
  verifies('R-PRIM-6', 'completing one removes exactly what belongs to it', async () => {
    await play(async ({ runtime, image, records }) => {
      const { containers, scopes } = runtime;
      const make = (name: string, rest: object) => containers.createContainer({ image, name, ...rest });
      await make('a', { strategy: 'task', scope: 'build', autoStart: true });
      await make('b', { strategy: 'task', scope: 'build' });
      await make('same-name-of-session', { strategy: 'session', scope: 'build' });
      await make('other-task', { strategy: 'task', scope: 'test' });
      await make('kept', {});
      expect(await scopes.list()).toMatchObject([
        { strategy: 'task', scope: 'build', sandboxes: [expect.any(String), expect.any(String)] },
        { strategy: 'session', scope: 'build' },
        { strategy: 'task', scope: 'test' },
      ]);
      const completed = await scopes.completeTask('build', { graceMs: 50 });
      expect(completed).toMatchObject({ strategy: 'task', scope: 'build', failed: [] });
      expect(completed.removed).toHaveLength(2);
      const names = async () => (await containers.listContainers()).containers.map(({ name }) => name);
      expect(await names()).toEqual(['same-name-of-session', 'other-task', 'kept']);
      await scopes.completeSession('build');
      expect(await names()).toEqual(['other-task', 'kept']);
      // One that nobody has is complete already.
      expect(await scopes.completeTask('build')).toMatchObject({ removed: [], failed: [] });
      expect(begun(await records()).filter((kind) => kind === 'scope.complete')).toHaveLength(3);
    });
  });

  verifies('R-PRIM-6', 'the registry survives the process that made it', async () => {
    await playHouse(async (house) => {
      let id = '';
      await playIn(house, async ({ runtime, image }) => {
        const options = { image, strategy: 'session', scope: 'chat-7', autoStart: true } as const;
        ({ id } = await runtime.containers.createContainer(options));
      });
      await playIn(house, async ({ runtime }) => {
        expect(await runtime.scopes.list()).toEqual([
          { strategy: 'session', scope: 'chat-7', sandboxes: [id] },
        ]);
        expect(await runtime.scopes.completeSession('chat-7')).toMatchObject({ removed: [id] });
        expect(house.guests.size).toBe(0);
      });
    });
  });

  verifies(
    'R-PRIM-6',
    'what could not be removed is said, stays listed, and goes the next time',
    async () => {
      await play(async ({ runtime, image, backend }) => {
        const { id } = await runtime.containers.createContainer({ image, strategy: 'task', scope: 't' });
        backend.failures.remove = true;
        expect(await runtime.scopes.completeTask('t')).toMatchObject({
          removed: [],
          failed: [{ sandbox: id, reason: 'sandbox.remove-failed', hint: expect.any(String) }],
        });
        backend.failures.remove = undefined;
        expect(await runtime.scopes.completeTask('t')).toMatchObject({ removed: [id], failed: [] });
      });
    },
  );

  verifies('R-PRIM-6', 'a scope without its strategy, and the other way round, is refused', async () => {
    await play(async ({ runtime, image, guests }) => {
      for (const wrong of [
        { strategy: 'task' },
        { scope: 'x' },
        { strategy: 'service', scope: 'x' },
      ] as const)
        await expect(runtime.containers.createContainer({ image, ...wrong })).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
      expect(guests.size).toBe(0);
    });
  });
});

describe('ephemeral sandboxes', () => {
  verifies('R-PRIM-6', 'one is gone when its command has ended; a service is not', async () => {
    await play(async ({ runtime, image, guests }) => {
      const one = await runtime.create({ image, strategy: 'ephemeral' });
      const result = await one.exec({ command: 'sh', args: ['-c', 'echo done; exit 3'] });
      expect(result).toMatchObject({ exitCode: 3, stdoutText: 'done\n' });
      expect(guests.has(one.id)).toBe(false);
      const service = await runtime.create({ image });
      await service.exec({ command: 'true' });
      expect(guests.has(service.id)).toBe(true);
    });
  });

  verifies('R-PRIM-6', 'with two commands at once, the last one takes it away', async () => {
    await play(async ({ runtime, image, guests }) => {
      const one = await runtime.create({ image, strategy: 'ephemeral' });
      const long = await one.spawn({ command: 'cat', openStdin: true });
      await one.exec({ command: 'true' });
      expect(guests.has(one.id)).toBe(true);
      await long.endStdin();
      await long.exit;
      await eventually('it is gone', () => !guests.has(one.id));
    });
  });

  verifies('R-PRIM-6', 'a command that is cancelled takes it away too', async () => {
    await play(async ({ runtime, image, guests }) => {
      const one = await runtime.create({ image, strategy: 'ephemeral' });
      const stopping = new AbortController();
      const running = one.exec({ command: 'sleep', args: ['60'] }, { signal: stopping.signal });
      stopping.abort();
      await expect(running).rejects.toMatchObject({ reason: 'operation.cancelled' });
      expect(guests.has(one.id)).toBe(false);
    });
  });
});

describe('garbage', () => {
  verifies(
    'R-PRIM-7',
    'a plan changes nothing; a sweep does what it says, and only what is named',
    async () => {
      await playHouse(async (house) => {
        await playIn(house, async ({ runtime, image, guests, engine, records }) => {
          const broken = await runtime.create({ image });
          guests.get(broken.id)?.crash();
          const kept = await runtime.create({ image, strategy: 'task', scope: 'x' });
          const leftover = { kind: 'directory', id: 'half-made', why: 'a create was killed', bytes: 4_096 };
          engine.left.push(leftover, { ...leftover, id: 'other' });
          const expected = [
            { id: `sandbox/${broken.id}`, kind: 'broken', act: 'remove', backend: 'fake' },
            { id: 'fake/directory/half-made', kind: 'directory', why: 'a create was killed', bytes: 4_096 },
            { id: 'fake/directory/other' },
          ];
          for (const plan of [await runtime.garbage.plan(), await runtime.garbage.plan()])
            expect(plan).toMatchObject({ items: expected, problems: [] });
          expect(engine.left).toHaveLength(2);
          const swept = await runtime.garbage.sweep(['fake/directory/other', 'fake/directory/not-there']);
          expect(swept).toMatchObject([{ id: 'fake/directory/other', failure: null }]);
          expect((await runtime.garbage.sweep()).map(({ id }) => id)).toEqual([
            `sandbox/${broken.id}`,
            'fake/directory/half-made',
          ]);
          expect(await runtime.garbage.plan()).toEqual({ items: [], problems: [] });
          expect(await runtime.garbage.sweep()).toEqual([]);
          expect([...guests.keys()]).toEqual([kept.id]);
          expect(begun(await records())).toContain('gc.sweep');
        });
      });
    },
  );

  verifies(
    'R-PRIM-7',
    'an ephemeral sandbox whose maker is gone is an orphan; one of a session is not',
    async () => {
      await playHouse(async (house) => {
        // A process that has lived and is gone stands in for the maker.
        const child = fork('-', [], { execPath: '/bin/true', stdio: 'ignore' });
        const identity = processIdentity(child.pid ?? 0);
        await onceEvent(child, 'exit');
        await playIn(house, async ({ runtime, image, guests }) => {
          const one = await runtime.create({ image, strategy: 'ephemeral' });
          const mine = await runtime.create({ image, strategy: 'ephemeral' });
          await runtime.create({ image, strategy: 'session', scope: 's' });
          const guest = guests.get(one.id);
          const owner = `${child.pid ?? 0}.${identity?.startTicks ?? 1}.${processIdentity(process.pid)?.bootId ?? ''}`;
          if (guest !== undefined) guest.spec = { ...guest.spec, labels: { 'sovereign.owner': owner } };
          expect(await runtime.garbage.plan()).toMatchObject({
            items: [{ id: `sandbox/${one.id}`, kind: 'orphan', act: 'remove' }],
          });
          await runtime.garbage.sweep();
          expect(guests.has(one.id)).toBe(false);
          expect(guests.has(mine.id)).toBe(true);
          expect(guests.size).toBe(2);
        });
      });
    },
  );

  verifies('R-PRIM-7', 'what has failed stays in the plan, and hides nothing of the rest', async () => {
    await play(async ({ runtime, image, guests, engine, backend }) => {
      const broken = await runtime.create({ image });
      guests.get(broken.id)?.crash();
      engine.left.push({ kind: 'layer', id: 'x', why: 'nobody needs it', bytes: 1 });
      backend.failures.remove = true;
      expect(await runtime.garbage.sweep()).toMatchObject([
        { failure: { reason: 'sandbox.remove-failed' } },
        { id: 'fake/layer/x', failure: null },
      ]);
      backend.failures.remove = undefined;
      expect((await runtime.garbage.plan()).items).toHaveLength(1);
    });
  });

  verifies(['R-PRIM-6', 'R-PRIM-7'], 'limits of other processes’ sandboxes are kept by gc', async () => {
    await playHouse(async (house) => {
      await playIn(house, async ({ runtime, image }) => {
        const handle = await runtime.create({ image, lifetime: { idleMs: 60_000 } });
        await handle.exec({ command: 'true' });
      });
      // The process that made it is gone, and an hour goes by.
      const hourAgo = Date.now() / 1_000 - 3_600;
      const [guest] = house.guests.values();
      if (guest === undefined) throw new Error('the sandbox is gone with its process');
      guest.spec = { ...guest.spec, createdMs: hourAgo * 1_000 };
      await playIn(house, async ({ runtime }) => {
        // What was done in it last counts, not when it was made.
        expect((await runtime.garbage.plan()).items).toEqual([]);
      });
      utimesSync(join(house.root, 'activity', guest.id), hourAgo, hourAgo);
      await playIn(house, async ({ runtime, records }) => {
        expect((await runtime.garbage.plan()).items).toMatchObject([{ kind: 'expired', act: 'stop' }]);
        expect(await runtime.garbage.sweep()).toMatchObject([{ failure: null }]);
        expect(guest.state).toBe('stopped');
        expect(actorsOf(await records(), 'sandbox.stop')).toEqual(['reaper']);
        expect((await runtime.garbage.plan()).items).toEqual([]);
      });
    });
  });
});

describe('the reaper of an open runtime', () => {
  verifies('R-PRIM-6', 'stops what is idle and keeps it; a handle then says what to do', async () => {
    await play(async ({ runtime, image, guests, records }) => {
      const idle = await runtime.create({ image, lifetime: { idleMs: 1_000 } });
      const gone = await runtime.create({ image, lifetime: { maxMs: 1_000, onExpiry: 'remove' } });
      const kept = await runtime.create({ image });
      await eventually(
        'both have expired',
        () => guests.get(idle.id)?.state === 'stopped' && !guests.has(gone.id),
      );
      expect(await kept.status()).toBe('running');
      await expect(idle.exec({ command: 'true' })).rejects.toMatchObject({
        reason: 'sandbox.not-running',
        hint: expect.stringContaining('Start'),
      });
      expect(actorsOf(await records(), 'sandbox.stop')).toEqual(['reaper']);
      expect(actorsOf(await records(), 'sandbox.remove')).toEqual(['reaper']);
      // Started again it is used again.
      const again = await runtime.attach(idle.id);
      await again.start();
      expect((await again.exec({ command: 'true' })).exitCode).toBe(0);
    });
  });

  verifies('R-PRIM-6', 'a command that takes longer than the idle limit is no idleness', async () => {
    await play(async ({ runtime, image }) => {
      const busy = await runtime.create({ image, lifetime: { idleMs: 1_000 } });
      expect((await busy.exec({ command: 'sleep', args: ['2.5'] })).exitCode).toBe(0);
      expect(await busy.status()).toBe('running');
    });
  });
});
