import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { tierTest, verifies } from '@sovereign/testkit';
import { openEngine } from '@sovereign/engine';
import { expect } from 'vitest';
import { absenceOfFake, DockerSandboxScene } from './scene.ts';

const client = fileURLToPath(new URL('client.ts', import.meta.url));
const hasty = { questionMs: 1_500, createMs: 3_000, actMs: 3_000 } as const;

/** What goes wrong under way: a typed error with what to do, and nothing of the sandbox is left. */
tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = DockerSandboxScene;

  for (const [at, how, reason] of [
    ['^ls', 'fail', 'engine.failed'],
    ['^ls', 'rubbish', 'engine.failed'],
    ['^ls', 'endless', 'engine.unavailable'],
    ['^ls', 'hang', 'engine.unavailable'],
    ['^create', 'fail', 'engine.failed'],
    ['^create', 'late', 'engine.failed'],
    ['^create', 'hang-late', 'engine.unavailable'],
    ['uname', 'fail', 'engine.failed'],
    ['uname', 'rubbish', 'engine.failed'],
    ['cat > ', 'fail', 'engine.failed'],
    ['cat > ', 'hang', 'engine.unavailable'],
    ['exec.*looks=0', 'fail', 'engine.failed'],
  ] as const)
    verifies('R-TIER-6', `${how} at ${at}: said, undone, and the next create works`, async () => {
      await play(async (scene) => {
        const backend = scene.backend({ callLimits: hasty });
        await scene.fail(at, how);
        const failure: unknown = await scene.create(backend).then(
          () => 'it came up',
          (error: unknown) => error,
        );
        expect(failure).toMatchObject({ reason, hint: expect.stringMatching(/\S/) });
        expect((failure as Error).message).not.toMatch(/\u001b/);
        await scene.fail();
        expect(await backend.list()).toEqual([]);
        expect(await scene.machines()).toEqual([]);
        const guest = await scene.create(scene.backend());
        expect((await scene.run(guest, 'echo', 'well')).stdout.toString()).toBe('well\n');
      });
    });

  verifies('R-TIER-6', 'a create and a removal that both fail are both said, and removed later', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      await scene.fail('^rm|uname', 'fail');
      await expect(scene.create(backend)).rejects.toMatchObject({
        reason: 'sandbox.remove-failed',
        message: expect.stringMatching(/what it runs on.*could not be removed/s),
      });
      const [record] = await backend.list();
      expect(record).toMatchObject({ state: 'broken', problem: expect.stringContaining('cut short') });
      await scene.fail();
      if (record !== undefined) await (await backend.attach(record.id)).remove();
      expect(await scene.machines()).toEqual([]);
    });
  });

  verifies('R-TIER-6', 'the probe says what is missing and what to do', async () => {
    await play(async (scene) => {
      const probe = (options = {}) => scene.backend({ callLimits: hasty, ...options }).probe();
      const path = { env: { PATH: scene.path('nowhere') } };
      expect(await probe({ platform: 'win32' })).toMatchObject({ ok: false });
      expect(await probe({ programPath: scene.path('not-there') })).toMatchObject({
        ok: false,
        reason: expect.stringContaining('does not start'),
      });
      await expect(scene.backend({ ...path, programPath: '/bin/true' }).probe()).resolves.toMatchObject({
        ok: false,
        reason: expect.stringContaining('cannot be read'),
      });
      await scene.set({ isSignedIn: false });
      expect(await probe()).toMatchObject({ ok: false, hint: expect.stringContaining('sbx login') });
      await scene.set({});
      await scene.fail('^version', 'hang');
      expect(await probe()).toMatchObject({ ok: false, reason: expect.stringContaining('in time') });
      await scene.fail();
      const works = await probe({ platform: 'darwin' });
      expect(works).toEqual({ ok: true, detail: expect.stringContaining('sbx v0.43.0') });
      expect(await probe({ platform: 'linux' })).toMatchObject({ ok: true, byNameOnly: expect.any(String) });
    });
  });

  verifies('R-TIER-6', 'a host that is not set up: the sign-in and the first policy are named', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      await scene.set({ isSignedIn: false });
      await expect(scene.create(backend)).rejects.toMatchObject({
        reason: 'engine.unavailable',
        hint: expect.stringContaining('sbx login'),
      });
      await scene.set({ policy: null });
      await expect(scene.create(backend)).rejects.toMatchObject({
        reason: 'engine.unavailable',
        hint: expect.stringContaining('sbx policy init'),
      });
      expect(await backend.list()).toEqual([]);
    });
  });

  verifies('R-TIER-6', 'a machine that was removed by hand is broken, and forgotten on request', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      const [name = ''] = await scene.machines();
      await scene.byHand('rm', '--force', name);
      expect(await backend.list()).toMatchObject([
        { state: 'broken', problem: expect.stringContaining(name) },
      ]);
      await guest.remove();
      expect(await backend.list()).toEqual([]);
    });
  });

  verifies('R-TIER-6', 'a connection to a machine without its shelld is refused and says why', async () => {
    await play(async (scene) => {
      const guest = await scene.create(scene.backend());
      await scene.run(guest, 'rm', '-f', '/run/sovereign/door/shelld.sock');
      await expect(scene.run(guest, 'true')).rejects.toMatchObject({ reason: 'channel.closed' });
      await guest.stop({ graceMs: 0 });
      await guest.start();
      expect((await scene.run(guest, 'echo', 'well')).stdout.toString()).toBe('well\n');
    });
  });

  verifies(
    ['R-TIER-6', 'R-PRIM-7'],
    'kill -9 of the client in a create: gc names what is left, and removes it',
    { timeoutMs: 120_000 },
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const { runtime } = openEngine({ home: scene.path('home'), backends: [backend], env: process.env });
        for (const afterMs of [50, 250, 500, 800]) {
          await killedCreate(scene, afterMs);
          // A call that was under way when its caller was killed comes to its end by itself.
          await expect.poll(() => scene.running(), { timeout: 20_000 }).toEqual([]);
          const { items } = await runtime.garbage.plan();
          const records = await backend.list();
          expect(items.map(({ kind }) => kind)).toEqual(
            records.filter(({ state }) => state === 'broken').map(() => 'broken'),
          );
          for (const swept of await runtime.garbage.sweep()) expect(swept.failure).toBeNull();
          for (const { id, state } of await backend.list()) {
            // Whoever was killed later had made it whole, or had not begun.
            expect(['running', 'created']).toContain(state);
            await (await backend.attach(id)).remove();
          }
          expect(await scene.machines()).toEqual([]);
        }
        await runtime.close();
      });
    },
  );

  verifies(
    ['R-TIER-6', 'R-PRIM-7'],
    'kill -9 of the client while the program makes the machine: gc names the sandbox, and the machine goes with it',
    { timeoutMs: 60_000 },
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const { runtime } = openEngine({ home: scene.path('home'), backends: [backend], env: process.env });
        await scene.fail('^create', 'hang-late');
        const child = startClient(scene);
        await expect.poll(() => scene.machines(), { timeout: 20_000 }).toHaveLength(1);
        expect(await backend.list()).toMatchObject([{ state: 'created' }]);
        child.kill('SIGKILL');
        await expect.poll(async () => (await backend.list())[0]?.state).toBe('broken');
        const { items } = await runtime.garbage.plan();
        expect(items).toMatchObject([{ kind: 'broken', why: expect.stringContaining('cut short') }]);
        expect(await runtime.garbage.sweep()).toMatchObject([{ failure: null }]);
        expect(await scene.machines()).toEqual([]);
        expect(await backend.list()).toEqual([]);
        for (const { argv, pid } of await scene.log()) if (argv[0] === 'create') process.kill(pid, 'SIGKILL');
        await runtime.close();
      });
    },
  );

  verifies(
    'R-PRIM-7',
    'a machine of ours that no sandbox is: named, and removed when it still is',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const guest = await scene.create(backend);
        const [name = ''] = await scene.machines();
        const stray = `${name.slice(0, -12)}000000000000`;
        await scene.byHand('create', '--quiet', '--name', stray, 'shell', scene.path());
        await scene.byHand('create', '--quiet', '--name', 'of-somebody-else', 'shell', scene.path());
        const leftovers = (await backend.sweeper?.leftovers()) ?? [];
        expect(leftovers).toMatchObject([{ kind: 'machine', id: stray }]);
        for (const leftover of leftovers) await backend.sweeper?.sweep(leftover);
        expect((await scene.machines()).toSorted()).toEqual(['of-somebody-else', name].toSorted());
        await expect(
          backend.sweeper?.sweep({ kind: 'machine', id: name, why: '', bytes: 0 }),
        ).rejects.toMatchObject({ reason: 'argument.invalid' });
        await scene.byHand('rm', '--force', 'of-somebody-else');
        expect(await guest.status()).toBe('running');
      });
    },
  );
});

/** Runs `create` in a process of its own and kills that after so long. */
async function killedCreate(scene: DockerSandboxScene, afterMs: number): Promise<void> {
  const child = startClient(scene);
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  setTimeout(() => child.kill('SIGKILL'), afterMs);
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}

function startClient(scene: DockerSandboxScene): ChildProcessByStdio<null, Readable, null> {
  return spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--conditions=@sovereign/source', client],
      ...[scene.path('state'), scene.program, 'create'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
}
