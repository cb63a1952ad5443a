import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createSnapshotId, type Backend, type SandboxId, type SnapshotId } from '@sovereign/core';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { absenceOfFake, FirecrackerScene } from './scene.ts';

tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = FirecrackerScene;

  async function take(backend: Backend, sandbox: SandboxId, name?: string): Promise<SnapshotId> {
    const id = createSnapshotId();
    const record = await backend.snapshots?.take(sandbox, { id, ...(name !== undefined && { name }) });
    expect(record).toMatchObject({ id, backend: 'firecracker', name: name ?? '' });
    return id;
  }

  verifies(
    'R-NEW-3',
    'a snapshot is taken paused, resumed by another process of ours, and forked; each is told who it is',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const limits = { memoryBytes: 128 * 1024 ** 2 };
        const guest = await scene.create(backend, { limits });
        const id = await take(backend, guest.id, 'ready');
        expect(await guest.status()).toBe('running');
        expect((await scene.run(guest, 'echo', 'on')).stdout.toString()).toBe('on\n');
        const asked = (await scene.log('request')).map(({ path, body }) => [path, body]);
        expect(asked).toContainEqual(['/vm', { state: 'Paused' }]);
        const after = scene.backend();
        expect(await after.snapshots?.list()).toEqual([expect.objectContaining({ id, name: 'ready' })]);
        const told = scene.identities.length;
        const forks = await Promise.all(
          ['a', 'b', 'c'].map(async (name) =>
            after.snapshots?.resume(id, scene.spec({ name, env: { WHO: name } })),
          ),
        );
        for (const fork of forks) {
          expect(fork?.spec).toMatchObject({ limits, env: { WHO: fork?.spec.name } });
          if (fork === undefined) continue;
          expect((await scene.run(fork, 'sh', '-c', 'echo $WHO')).stdout.toString()).toBe(
            `${fork.spec.name}\n`,
          );
        }
        const identities = scene.identities.slice(told);
        expect(new Set(identities.map(({ machineId }) => machineId)).size).toBe(3);
        expect(new Set(identities.map(({ entropy }) => Buffer.from(entropy).toString('hex'))).size).toBe(3);
        // It goes while machines that came from it run.
        await after.snapshots?.remove(id);
        expect(await after.snapshots?.list()).toEqual([]);
        await expect(after.snapshots?.resume(id, scene.spec())).rejects.toMatchObject({
          reason: 'snapshot.not-found',
        });
        const [first] = forks;
        if (first !== undefined)
          expect((await scene.run(first, 'echo', 'still')).stdout.toString()).toBe('still\n');
        expect(await scene.log('refused')).toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a snapshot that was cut short or changed anywhere is refused, and brings nothing up',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const guest = await scene.create(backend, { limits: { memoryBytes: 64 * 1024 ** 2 } });
        for (const name of ['state', 'memory', 'disk', 'base', 'snapshot.json']) {
          const id = await take(backend, guest.id);
          const path = scene.path('state', 'firecracker', 'snapshots', id, name);
          truncateSync(path, Math.floor(statSync(path).size / 2));
          await expect(backend.snapshots?.resume(id, scene.spec())).rejects.toMatchObject({
            reason: 'snapshot.corrupt',
          });
          expect(await backend.snapshots?.list()).toEqual([]);
          await backend.snapshots?.remove(id);
        }
        const id = await take(backend, guest.id);
        const state = scene.path('state', 'firecracker', 'snapshots', id, 'state');
        writeFileSync(state, 'x'.repeat(statSync(state).size));
        await expect(backend.snapshots?.resume(id, scene.spec())).rejects.toMatchObject({
          reason: 'snapshot.corrupt',
        });
        expect(await backend.list()).toHaveLength(1);
      });
    },
  );

  verifies('R-NEW-3', 'a snapshot of another version is refused with both named', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      const id = await take(backend, guest.id);
      await scene.fail({ snapshotVersion: '8.0.0' });
      await expect(backend.snapshots?.resume(id, scene.spec())).rejects.toMatchObject({
        reason: 'snapshot.incompatible',
        message: expect.stringMatching(/format 7\.0\.0.*format 8\.0\.0/s),
      });
    });
  });

  verifies('R-NEW-3', 'one that could not be taken leaves nothing, and the machine runs on', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      await scene.fail({ at: 'PUT /snapshot/create', how: 'refuse' });
      await expect(take(backend, guest.id)).rejects.toMatchObject({ reason: 'snapshot.failed' });
      await scene.fail({});
      expect(await guest.status()).toBe('running');
      expect((await scene.run(guest, 'echo', 'on')).stdout.toString()).toBe('on\n');
      expect(readdirSync(scene.path('state', 'firecracker', 'snapshots'))).toEqual([]);
      await guest.stop({ graceMs: 0 });
      await expect(take(backend, guest.id)).rejects.toMatchObject({ reason: 'sandbox.not-running' });
    });
  });

  verifies('R-NEW-3', 'a load that the monitor refuses leaves nothing', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      const id = await take(backend, guest.id);
      await scene.fail({ at: 'PUT /snapshot/load', how: 'die' });
      await expect(backend.snapshots?.resume(id, scene.spec())).rejects.toMatchObject({
        reason: 'microvm.monitor-silent',
      });
      expect(await backend.list()).toHaveLength(1);
    });
  });
});
