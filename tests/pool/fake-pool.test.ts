import {
  createFakeBackend,
  eventually,
  uniqueSandboxId,
  verifies,
  type FakeBackend,
} from '@sovereign/testkit';
import type { FakeBackendOptions } from '@sovereign/testkit';
import { expect } from 'vitest';
import { PoolScene } from './support.ts';

interface FakeScene extends PoolScene {
  readonly backend: FakeBackend;
}

const tier = 'fake' as const;

async function play(options: FakeBackendOptions, act: (scene: FakeScene) => Promise<void>): Promise<void> {
  const backend = createFakeBackend({ createMs: 5, ...options });
  await PoolScene.play(
    () => backend,
    (scene) => act(Object.assign(scene, { backend })),
  );
}

verifies('R-NEW-4', 'a claim is bound to name, workspace, environment, labels and limits', async () => {
  await play({}, async ({ runtime, root, backend }) => {
    const pool = await runtime.openPool({
      tier,
      name: 'p',
      user: 'pool',
      env: { A: 'pool', B: 'pool' },
      labels: { x: 'pool' },
    });
    const sandbox = await pool.claim({
      name: 'mine',
      workspace: { path: root },
      user: 'claim:8',
      env: { B: 'claim', SECRET: 'hunter2' },
      labels: { y: 'claim' },
      limits: { pids: 7 },
    });
    expect(sandbox.spec).toMatchObject({
      name: 'mine',
      workspace: { hostPath: root },
      user: 'claim:8',
      env: { A: 'pool', B: 'claim', SECRET: 'hunter2' },
      labels: { x: 'pool', y: 'claim' },
      limits: { pids: 7 },
    });
    expect(sandbox.spec.pool).toBeUndefined();
    const { stdoutText } = await sandbox.exec({ command: 'env' });
    expect(stdoutText).toContain('SECRET=hunter2');
    expect(await runtime.attach('mine')).toBe(sandbox);
    await pool.drain();
    expect([...backend.guests.keys()]).toEqual([sandbox.id]);
  });
});

verifies(['R-NEW-4', 'R-GOV-3'], 'every step is in the ledger, and no value of the environment', async () => {
  await play({}, async (scene) => {
    const pool = await scene.runtime.openPool({ tier, name: 'p', size: 1, memoryBytes: 2 ** 30 });
    await pool.claim({ name: 'mine', user: '7:8', env: { SECRET: 'hunter2' } });
    await pool.whenFull();
    await pool.drain();
    expect(await scene.intents('pool.open')).toEqual([
      { kind: 'pool.open', pool: 'p', size: 1, memoryBytes: 2 ** 30 },
    ]);
    const [claim] = await scene.intents('pool.claim');
    expect(claim).toMatchObject({
      pool: 'p',
      name: 'mine',
      envNames: ['SECRET'],
      workspace: null,
      user: '7:8',
    });
    expect(await scene.intents('pool.drain')).toEqual([{ kind: 'pool.drain', pool: 'p' }]);
    expect(await scene.intents('sandbox.create')).toHaveLength(2);
    expect(await scene.intents('sandbox.remove')).toHaveLength(1);
    const everything = JSON.stringify(await scene.intents());
    expect(everything).toContain('SECRET');
    expect(everything).not.toContain('hunter2');
  });
});

verifies(
  'R-NEW-4',
  '50 claims at once get 50 sandboxes, and what is left after the drain is theirs',
  async () => {
    await play({}, async ({ runtime, backend }) => {
      const pool = await runtime.openPool({ tier, size: 5, concurrency: 8 });
      const claimed = await Promise.all(
        Array.from({ length: 50 }, (_, index) => pool.claim({ env: { NUMBER: String(index) } })),
      );
      expect(new Set(claimed.map(({ id }) => id)).size).toBe(50);
      const seen = await Promise.all(claimed.map((sandbox) => sandbox.exec({ command: 'env' })));
      seen.forEach(({ stdoutText }, index) => expect(stdoutText).toContain(`NUMBER=${index}\n`));
      expect(pool.status()).toMatchObject({ claimed: 50, waiting: 0 });
      await pool.drain();
      expect(new Set(backend.guests.keys())).toEqual(new Set(claimed.map(({ id }) => id)));
    });
  },
);

verifies('R-NEW-4', 'entries that died, or do not answer, are not handed out', async () => {
  await play({}, async ({ runtime, backend }) => {
    const pool = await runtime.openPool({ tier, size: 3 });
    await pool.whenFull();
    const [first] = backend.guests.values();
    first?.crash();
    await eventually('the crash is noticed', () => pool.status().lost === 1);
    expect(backend.guests.has(first?.id ?? uniqueSandboxId())).toBe(false);
    const hung = [...backend.guests.values()];
    for (const guest of hung) guest.hang();
    const sandbox = await pool.claim();
    expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
    expect(hung.map(({ id }) => id)).not.toContain(sandbox.id);
    expect(pool.status()).toMatchObject({ claimed: 1, lost: 3 });
    await pool.drain();
  });
});

verifies(
  'R-NEW-4',
  '50 claims while guests die under them: nobody gets a dead one, nobody the same one',
  async () => {
    await play({}, async ({ runtime, backend }) => {
      const pool = await runtime.openPool({ tier, size: 10, concurrency: 8 });
      await pool.whenFull();
      const claims = Array.from({ length: 50 }, async (_, index) => {
        if (index % 5 === 0)
          [...backend.guests.values()].find(({ spec }) => spec.pool !== undefined)?.crash();
        return pool.claim();
      });
      const claimed = await Promise.all(claims);
      expect(new Set(claimed.map(({ id }) => id)).size).toBe(50);
      for (const sandbox of claimed) expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
      await pool.drain();
      expect(backend.guests.size).toBe(50);
    });
  },
);

verifies('R-NEW-4', 'a claim that fails leaves nothing, and the pool goes on', async () => {
  await play({}, async ({ runtime, backend }) => {
    const pool = await runtime.openPool({ tier, size: 1 });
    const first = await pool.claim({ name: 'taken' });
    await expect(pool.claim({ name: 'taken' })).rejects.toMatchObject({ reason: 'sandbox.exists' });
    await expect(pool.claim({ name: 'Not A Name' })).rejects.toMatchObject({ reason: 'argument.invalid' });
    await expect(pool.claim({ workspace: '/' })).rejects.toMatchObject({ reason: 'workspace.refused' });
    backend.failures.bind = true;
    await expect(pool.claim()).rejects.toMatchObject({ reason: 'sandbox.create-failed' });
    backend.failures.bind = undefined;
    const second = await pool.claim();
    await pool.drain();
    expect([...backend.guests.keys()].sort()).toEqual([first.id, second.id].sort());
  });
});

verifies('R-NEW-4', 'what a backend cannot bind late is refused before anything is taken', async () => {
  await play(
    { lateBinding: { hasWorkspace: false }, capabilities: { canSetLimits: false } },
    async ({ runtime, root, backend }) => {
      const missing = { reason: 'capability.missing' };
      const pool = await runtime.openPool({ tier, size: 1, workspace: root });
      await expect(pool.claim({ workspace: `${root}/ledger` })).rejects.toMatchObject(missing);
      await expect(pool.claim({ limits: { pids: 9 } })).rejects.toMatchObject(missing);
      expect(pool.status().claimed).toBe(0);
      expect((await pool.claim({ workspace: root })).spec.workspace?.hostPath).toBe(root);
      await pool.drain();
      expect(backend.guests.size).toBe(1);
    },
  );
  await play({ lateBinding: null }, async ({ runtime, backend }) => {
    await expect(runtime.openPool({ tier })).rejects.toMatchObject({ reason: 'capability.missing' });
    expect(backend.guests.size).toBe(0);
  });
});

verifies('R-NEW-4', 'the budget is respected; one that holds not even one sandbox is refused', async () => {
  const one = 1_048_576;
  await play({}, async ({ runtime, backend }) => {
    const pool = await runtime.openPool({ tier, size: 9, memoryBytes: 3 * one });
    await pool.whenFull();
    expect(pool.status()).toMatchObject({ ready: 3, memoryBytes: 3 * one });
    expect(pool.status().problem).toContain('keeps 3 ready');
    await pool.drain();
    const limits = { memoryBytes: 2 * one };
    await expect(runtime.openPool({ tier, limits, memoryBytes: one })).rejects.toMatchObject({
      reason: 'argument.invalid',
    });
    expect(backend.guests.size).toBe(0);
  });
  await play({ capabilities: { canStats: false } }, async ({ runtime, backend }) => {
    await expect(runtime.openPool({ tier })).rejects.toMatchObject({ reason: 'argument.invalid' });
    const pool = await runtime.openPool({
      tier,
      size: 4,
      memoryBytes: 4 * one,
      limits: { memoryBytes: 2 * one },
    });
    await pool.whenFull();
    expect(pool.status().ready).toBe(2);
    await pool.drain();
    expect(backend.guests.size).toBe(0);
  });
});

verifies(
  'R-NEW-4',
  'a pool on a backend that brings nothing up is not opened, and leaves nothing',
  async () => {
    await play({}, async ({ runtime, backend }) => {
      for (const create of ['before-guest', 'after-guest'] as const) {
        backend.failures.create = create;
        await expect(runtime.openPool({ tier, name: 'p' })).rejects.toMatchObject({
          reason: 'sandbox.create-failed',
        });
      }
      backend.failures.create = undefined;
      backend.failures.channel = 'no-pong';
      expect(runtime.pools).toEqual([]);
      expect(backend.guests.size).toBe(0);
      backend.failures.channel = undefined;
      const pool = await runtime.openPool({ tier, name: 'p' });
      await expect(runtime.openPool({ tier, name: 'p' })).rejects.toMatchObject({ reason: 'pool.exists' });
      backend.failures.create = 'after-guest';
      await pool.claim();
      await eventually('it says why it is not full', () => pool.status().problem !== undefined);
      backend.failures.create = undefined;
      expect((await pool.claim()).id).toMatch(/^sbx_/);
      await pool.drain();
      expect(backend.guests.size).toBe(2);
    });
  },
);

verifies(
  'R-NEW-4',
  'where there are snapshots the pool refills from one, and removes it at the end',
  async () => {
    await play({ hasSnapshots: true }, async (scene) => {
      const { runtime, backend } = scene;
      const pool = await runtime.openPool({ tier, size: 3 });
      await pool.whenFull();
      expect(pool.status().refill).toBe('snapshot');
      expect(await backend.snapshots?.list()).toHaveLength(1);
      expect(await scene.intents('sandbox.create')).toHaveLength(1);
      expect(await scene.intents('snapshot.resume')).toHaveLength(2);
      await pool.drain();
      expect(await backend.snapshots?.list()).toEqual([]);
      expect(backend.guests.size).toBe(0);
    });
  },
);

verifies(
  'R-NEW-4',
  'a snapshot that cannot be taken, resumed or removed costs time and no sandbox',
  async () => {
    await play({ hasSnapshots: true }, async ({ runtime, backend }) => {
      backend.failures.snapshotTake = true;
      const booting = await runtime.openPool({ tier, size: 3 });
      await booting.whenFull();
      expect(booting.status()).toMatchObject({ ready: 3, refill: 'boot' });
      await booting.drain();
      backend.failures.snapshotTake = undefined;
      const pool = await runtime.openPool({ tier, size: 2 });
      await pool.whenFull();
      backend.failures.snapshotResume = true;
      await Promise.all([pool.claim(), pool.claim(), pool.claim(), pool.claim()]);
      await pool.whenFull();
      expect(pool.status()).toMatchObject({ ready: 2, refill: 'boot', claimed: 4 });
      expect(await backend.snapshots?.list()).toEqual([]);
      await pool.drain();
      backend.failures.snapshotResume = undefined;
      backend.failures.snapshotInUse = true;
      const shared = await runtime.openPool({ tier, size: 1 });
      await shared.drain();
      expect(await backend.snapshots?.list()).toHaveLength(1);
      backend.failures.snapshotInUse = undefined;
    });
  },
);

verifies('R-NEW-4', 'what is ready is nobody else’s: it cannot be attached to', async () => {
  await play({}, async ({ runtime, backend }) => {
    const pool = await runtime.openPool({ tier, size: 1 });
    const [ready] = [...backend.guests.keys()];
    await expect(runtime.attach(ready ?? '')).rejects.toMatchObject({ reason: 'pool.reserved' });
    const claimed = await pool.claim();
    expect(await runtime.attach(claimed.id)).toBe(claimed);
    await pool.drain();
  });
});

verifies(
  'R-NEW-4',
  'what a process that died kept ready is removed when the next pool opens; claims stay',
  async () => {
    await play({}, async ({ runtime, backend }) => {
      const gone = { pid: 2 ** 22 - 1, startTicks: 1, bootId: 'none' };
      const spec = (id: ReturnType<typeof uniqueSandboxId>) => ({
      id, image: { kind: 'host' }, env: {}, limits: {}, network: 'none', isInsecure: false, labels: {}, createdMs: 1,
    } as const); // prettier-ignore
      const [abandoned, unknown, somebodys] = [uniqueSandboxId(), uniqueSandboxId(), uniqueSandboxId()];
      await backend.create({ ...spec(abandoned), pool: { pool: 'old', keeper: gone } });
      await backend.create({ ...spec(unknown), pool: { pool: 'old' } });
      await backend.create(spec(somebodys));
      const pool = await runtime.openPool({ tier, size: 1 });
      expect(backend.guests.has(abandoned)).toBe(false);
      expect(backend.guests.has(unknown)).toBe(true);
      expect(backend.guests.has(somebodys)).toBe(true);
      // A second pool beside it takes nothing from the first.
      const [ready] = [...backend.guests.values()].filter((guest) => guest.spec.pool?.keeper !== undefined);
      const other = await runtime.openPool({ tier, size: 1 });
      expect(backend.guests.has(ready?.id ?? abandoned)).toBe(true);
      await Promise.all([pool.drain(), other.drain()]);
    });
  },
);

verifies('R-NEW-4', 'closing the runtime drains its pools', async () => {
  await play({}, async ({ runtime, backend }) => {
    const pool = await runtime.openPool({ tier, size: 4 });
    const claimed = await pool.claim();
    await runtime.close();
    expect([...backend.guests.keys()]).toEqual([claimed.id]);
    await expect(pool.claim()).rejects.toMatchObject({ reason: 'pool.not-found' });
  });
});
