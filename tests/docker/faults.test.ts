import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDockerBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import { eventually, sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { Cleanup } from '../../scripts/bench/cleanup.ts';
import { startPrivateDocker } from '../../scripts/bench/peers/docker.ts';
import { startEngine } from '../support/engines.ts';
import { killedCreate, sweepAfterKill } from './killed-create.ts';
import { playOn, runShell } from './scene.ts';

const engine = await startEngine('docker');

tierTest('docker', engine.absence, () => {
  verifies(
    ['R-TIER-2', 'R-TIER-9'],
    'the daemon gone in the middle of a call is engine.unavailable, and back it is used again',
    { timeoutMs: 120_000 },
    async () => {
      const directory = await mkdtemp('/tmp/sve-');
      const stateDirectory = join(directory, 's');
      await mkdir(stateDirectory, { mode: 0o700 });
      await mkdir(join(directory, 'e'), { mode: 0o700 });
      const lives: Cleanup[] = [];
      const start = async (): Promise<string> => {
        const life = new Cleanup();
        lives.push(life);
        // In a process namespace of its own its old pid is somebody's again.
        for (const left of ['pid', 'exec'])
          await rm(join(directory, 'e', left), { recursive: true, force: true });
        return startPrivateDocker({ directory: join(directory, 'e'), cleanup: life });
      };
      try {
        const host = `unix://${await start()}`;
        const backend = createDockerBackend({ stateDirectory, shelldPath: findShelld(), host, env: {} });
        const guest = await backend.create(sandboxSpecForTest());
        const waiting = backend.create(sandboxSpecForTest());
        const failed = expect(waiting).rejects.toMatchObject({ name: 'SovereignError' });
        // Into the middle of the second create.
        await eventually('it is being made', async () => (await backend.list()).length === 2);
        await lives[0]?.run();
        await failed;
        await expect(guest.status()).rejects.toMatchObject({ reason: 'engine.unavailable', retryable: true });
        await expect(backend.list()).rejects.toMatchObject({ reason: 'engine.unavailable' });
        expect(await backend.probe()).toMatchObject({
          ok: false,
          reason: expect.stringContaining('is not running') as unknown,
        });
        await start();
        expect(await backend.probe()).toMatchObject({ ok: true });
        // A dead daemon takes its containers along here; they are found again, and start.
        expect((await backend.list()).map(({ id }) => id)).toContain(guest.id);
        await eventually('it is known to have stopped', async () => (await guest.status()) === 'stopped');
        await guest.start();
        expect(await runShell(guest, 'echo back')).toBe('back\n');
        for (const { id } of await backend.list()) await (await backend.attach(id)).remove();
        expect(await backend.list()).toEqual([]);
        await backend.close();
      } finally {
        for (const life of lives) await life.run();
        await rm(directory, { recursive: true, force: true });
      }
    },
  );

  verifies(
    'R-PRIM-7',
    'kill -9 at any step of create: what is left is named, swept, and gone',
    { timeoutMs: 120_000 },
    async () => {
      await playOn(engine, {}, async ({ backend, root }) => {
        const offered = backend.engine;
        if (offered === undefined) throw new Error('a container backend has an engine');
        for (const afterMs of [1, 30, 60, 100, 150, 250]) {
          await killedCreate({ stateDirectory: join(root, 's'), host: engine.host }, afterMs);
          await sweepAfterKill(backend);
        }
        const kept = await backend.define(sandboxSpecForTest());
        expect(await offered.leftovers()).toEqual([]);
        await expect(
          offered.sweep({ kind: 'sandbox', id: kept.id, why: '', bytes: 0 }),
        ).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
        expect(await kept.status()).toBe('created');
      });
    },
  );

  verifies(
    'R-TIER-9',
    'a limit below what is used is refused or held, and the sandbox lives on',
    async () => {
      await playOn(engine, {}, async ({ create, sh }) => {
        const guest = await create({ limits: { memoryBytes: 64 * 1_048_576, pids: 50, cpus: 0.5 } });
        expect(
          await sh(
            guest,
            'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null',
          ),
        ).toBe(`${64 * 1_048_576}\n`);
        await guest.setLimits({ memoryBytes: 6 * 1_048_576 }).catch((error: unknown) => {
          expect(error).toMatchObject({ reason: 'limit.unsupported' });
        });
        expect(await guest.status()).toBe('running');
      });
    },
  );
});
