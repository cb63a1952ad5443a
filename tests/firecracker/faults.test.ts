import { writeFile } from 'node:fs/promises';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { absenceOfFake, FirecrackerScene, type Faults } from './scene.ts';

/** What goes wrong under way: a typed error with the reason, and nothing of the sandbox is left. */
tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = FirecrackerScene;

  /** A create that fails so, and leaves nothing; without the fault the same create works. */
  async function failing(
    scene: FirecrackerScene,
    faults: Faults,
    expected: { readonly reason: string | RegExp; readonly message?: RegExp },
  ): Promise<void> {
    const backend = scene.backend();
    await scene.fail(faults);
    const failure: unknown = await backend.create(scene.spec()).then(
      () => 'it came up',
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ reason: expect.stringMatching(expected.reason) });
    if (expected.message !== undefined) expect((failure as Error).message).toMatch(expected.message);
    expect((failure as Error).message).not.toMatch(/\u001b/);
    expect(await backend.list()).toEqual([]);
    await scene.fail({});
    expect((await scene.run(await scene.create(backend), 'echo', 'well')).stdout.toString()).toBe('well\n');
  }

  verifies(
    'R-TIER-4',
    'a monitor that refuses a call: its reason is the error, without its colours',
    async () => {
      await play(async (scene) => {
        await failing(
          scene,
          { at: 'PUT /vsock', how: 'refuse' },
          { reason: 'microvm.monitor-refused', message: /no\s+\[31mroom/ },
        );
      });
    },
  );

  verifies('R-TIER-4', 'a monitor that dies in the middle of being configured', async () => {
    await play(async (scene) => {
      await failing(scene, { at: 'PUT /boot-source', how: 'die' }, { reason: 'microvm.monitor-silent' });
    });
  });

  verifies('R-TIER-4', 'a monitor that dies when the machine is to start', async () => {
    await play(async (scene) => {
      await failing(scene, { at: 'PUT /actions', how: 'die' }, { reason: 'microvm.monitor-silent' });
    });
  });

  for (const how of ['rubbish', 'endless', 'no-reason'] as const) {
    verifies('R-TIER-4', `a monitor whose answer is ${how}`, async () => {
      await play(async (scene) => {
        await failing(scene, { at: 'PUT /entropy', how }, { reason: 'microvm.monitor-silent' });
      });
    });
  }

  verifies(
    'R-TIER-4',
    'a monitor that hangs is given up when its time is over, or when the caller says so',
    async () => {
      await play(async (scene) => {
        await scene.fail({ at: 'PUT /drives/base', how: 'hang' });
        const backend = scene.backend();
        const abort = new AbortController();
        const creating = backend.create(scene.spec(), abort.signal);
        setTimeout(() => abort.abort(), 300);
        await expect(creating).rejects.toMatchObject({ reason: 'operation.cancelled' });
        expect(await backend.list()).toEqual([]);
      });
    },
  );

  verifies('R-TIER-4', 'a guest that answers the handshake with rubbish', async () => {
    await play(async (scene) => {
      await failing(scene, { vsock: 'rubbish' }, { reason: 'channel.protocol' });
    });
  });

  verifies('R-TIER-4', 'half a handshake, or none, is no guest', { timeoutMs: 60_000 }, async () => {
    await play(async (scene) => {
      for (const vsock of ['half', 'refuse'] as const) {
        await scene.fail({ vsock });
        const backend = scene.backend();
        const abort = new AbortController();
        setTimeout(() => abort.abort(), 500);
        await expect(backend.create(scene.spec(), abort.signal)).rejects.toMatchObject({
          name: 'SovereignError',
        });
        expect(await backend.list()).toEqual([]);
      }
    });
  });

  verifies('R-TIER-4', 'a kernel that is not there, or empty, is refused by name', async () => {
    await play(async (scene) => {
      await writeFile(scene.path('artifacts', 'kernel-image'), '');
      const backend = scene.backend();
      await expect(backend.create(scene.spec())).rejects.toMatchObject({
        reason: 'microvm.monitor-refused',
        message: expect.stringContaining('kernel'),
      });
      expect(await backend.list()).toEqual([]);
    });
  });

  verifies('R-TIER-4', 'a machine that ends at once: the error has the last of its console', async () => {
    await play(async (scene) => {
      await writeFile(
        scene.path('program', 'panics'),
        '#!/bin/sh\necho "Kernel panic - not syncing"\nexit 1\n',
        { mode: 0o755 },
      );
      await failing(
        scene,
        { shelld: scene.path('program', 'panics') },
        { reason: 'guest.crashed', message: /Kernel panic - not syncing/ },
      );
    });
  });

  verifies('R-TIER-4', 'a program that is no Firecracker, or none at all', async () => {
    await play(async (scene) => {
      const other = scene.backend({ firecrackerPath: '/bin/true' });
      await expect(other.create(scene.spec())).rejects.toMatchObject({ reason: 'launcher.failed' });
      const none = scene.backend({ firecrackerPath: scene.path('not-there') });
      await expect(none.create(scene.spec())).rejects.toMatchObject({ reason: 'launcher.missing' });
      expect(await none.list()).toEqual([]);
    });
  });

  verifies('R-TIER-4', 'a monitor that hangs later is broken, and removed all the same', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      await scene.fail({ at: 'GET /', how: 'hang' });
      expect((await backend.list())[0]).toMatchObject({ state: 'broken', problem: expect.any(String) });
      await guest.remove();
      expect(await backend.list()).toEqual([]);
    });
  });

  verifies('R-TIER-9', 'the probe says what is missing, and boots a machine before it says yes', async () => {
    await play(async (scene) => {
      const none = await scene.backend({ firecrackerPath: scene.path('not-there') }).probe();
      expect(none).toMatchObject({ ok: false, reason: expect.stringContaining('not installed') });
      const closed = await scene.backend({ hasKvm: () => false }).probe();
      expect(closed).toMatchObject({
        ok: false,
        reason: expect.stringContaining('/dev/kvm'),
        hint: expect.stringContaining('qemu'),
      });
      await scene.fail({ vsock: 'rubbish' });
      expect(await scene.backend().probe()).toMatchObject({
        ok: false,
        reason: expect.stringContaining('OK and a port'),
      });
      await scene.fail({});
      const works = await scene.backend().probe();
      expect(works).toMatchObject({ ok: true, detail: expect.stringContaining('1.13.1') });
      const started = (await scene.log('started')).length;
      expect(await scene.backend().probe()).toEqual(works);
      expect(await scene.log('started')).toHaveLength(started);
      expect(await scene.backend().list()).toEqual([]);
    });
  });
});
