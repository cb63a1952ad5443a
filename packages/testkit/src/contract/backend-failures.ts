import { readFile } from 'node:fs/promises';
import type { Guest } from '@sovereign/core';
import { expect } from 'vitest';
import { verifies } from '../requirements/verifies.ts';
import { BackendScene, type BackendContractOptions } from './backend-subject.ts';
import { eventually } from './eventually.ts';
import { hostProcessesNamed, readHostProcess, uniqueSleep } from './host-processes.ts';
import { expectNothingLeft } from './leak-snapshot.ts';

/** What goes wrong on the way up, and after: nothing half-made stays behind, and a record never hides a dead guest. */
export function backendFailures(options: BackendContractOptions): void {
  const play = (act: (scene: BackendScene) => Promise<void>): Promise<void> =>
    BackendScene.play(options, act);

  verifies('R-TIER-9', 'create with an aborted signal makes nothing', async () => {
    await play(async (scene) => {
      const before = await scene.snapshot();
      await expect(scene.create({}, AbortSignal.abort())).rejects.toMatchObject({
        reason: 'operation.cancelled',
      });
      expect(await scene.backend.list()).toEqual([]);
      await expectNothingLeft(before, scene.scope);
    });
  });

  verifies(
    'R-TIER-9',
    'create aborted at any moment either makes a whole guest or leaves nothing',
    { timeoutMs: 60_000 },
    async () => {
      await play(async (scene) => {
        const before = await scene.snapshot();
        for (const afterMs of [0, 1, 2, 5, 10, 15, 20, 30, 50]) {
          const abort = new AbortController();
          const timer = setTimeout(() => abort.abort(), afterMs);
          const outcome = await scene.create({}, abort.signal).then(
            (guest) => guest,
            (error: unknown) => error,
          );
          clearTimeout(timer);
          if (outcome instanceof Error) expect(outcome).toMatchObject({ reason: 'operation.cancelled' });
          for (const { id } of await scene.backend.list()) {
            const guest = await scene.backend.attach(id);
            expect(await guest.status()).toBe('running');
            await guest.remove();
          }
        }
        await expectNothingLeft(before, scene.scope);
      });
    },
  );

  verifies('R-TIER-9', 'a create that fails leaves nothing', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no workspace on the host');
    await play(async (scene) => {
      const before = await scene.snapshot();
      const failing = scene.create({ workspace: { hostPath: `${scene.directories.stateDir}/not-there` } });
      await expect(failing).rejects.toMatchObject({ name: 'SovereignError' });
      expect(await scene.backend.list()).toEqual([]);
      await expectNothingLeft(before, scene.scope);
    });
  });

  verifies(
    'R-TIER-9',
    'a second sandbox with the same id is refused and does not disturb the first',
    async () => {
      await play(async (scene) => {
        const spec = scene.spec();
        const guest = await scene.backend.create(spec);
        await expect(scene.backend.create(spec)).rejects.toMatchObject({ reason: 'sandbox.exists' });
        expect((await scene.run(guest, 'echo', 'undisturbed')).stdout.toString()).toBe('undisturbed\n');
      });
    },
  );

  verifies(
    'R-TIER-9',
    'status comes from live processes: a guest that was killed from outside is not running',
    async (context) => {
      if (!options.hostSeesProcesses) context.skip('the host does not see its processes');
      await play(async (scene) => {
        const guest = await scene.create();
        const channel = await scene.channel(guest);
        const init = await guestInit(scene, guest);
        if (init === undefined) return context.skip('the guest has no process namespace of its own');
        process.kill(init, 'SIGKILL');
        const ended = await channel.closed;
        expect(ended).toBeInstanceOf(Error);
        await eventually('it is not running', async () => (await guest.status()) !== 'running');
        const record = (await scene.backend.list()).find(({ id }) => id === guest.id);
        expect(['stopped', 'broken', undefined]).toContain(record?.state);
        await guest.remove();
        expect(await scene.backend.list()).toEqual([]);
      });
    },
  );
}

/** The first process of a guest's process namespace, as the host counts: what a crash of the guest kills. */
async function guestInit(scene: BackendScene, guest: Guest): Promise<number | undefined> {
  const marker = uniqueSleep();
  await scene.run(guest, 'sh', '-c', `sleep ${marker} >/dev/null 2>&1 &`);
  const sleeper = await eventually('the sleeper lives', async () =>
    (await hostProcessesNamed(`sleep ${marker}`)).at(0),
  );
  const depth = await namespaceDepth(sleeper.pid);
  let init: number | undefined;
  for (
    let at = sleeper.pid;
    (await namespaceDepth(at)) === depth;
    at = (await readHostProcess(at))?.parent ?? 0
  )
    init = depth > 1 ? at : undefined;
  return init;
}

/** In how many process namespaces a process has a pid, see proc_pid_status(5). An engine may have one of its own. */
async function namespaceDepth(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^NSpid:((?:\t\d+)+)$/m.exec(status)?.[1]?.split('\t').filter(Boolean).length ?? 0;
}
