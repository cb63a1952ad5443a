import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import {
  collect,
  environmentOf,
  eventually,
  hostProcessesNamed,
  sandboxSpecForTest,
  skipOrFail,
  tierTest,
  uniqueSleep,
  verifies,
} from '@sovereign/testkit';
import { expect } from 'vitest';
import { createCgroupsV2 } from '../../packages/backends/src/quilt/cgroups-v2.ts';
import { detectCgroups } from '../../packages/backends/src/quilt/detect-cgroups.ts';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, versions);

/** The version of control groups that this host does not use by itself. */
function versions(): void {
  verifies(
    ['R-TIER-3', 'R-TIER-9'],
    'on version 2 of control groups: pause, resume, pause and remove, stop, with nothing left',
    async (context) => {
      const unified = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(
        readFileSync('/proc/self/mountinfo', 'utf8'),
      )?.[1];
      if (unified === undefined || process.getuid?.() !== 0)
        return skipOrFail(context, 'root', 'no cgroup2 that we may write');
      await FaultScene.play(async (scene) => {
        const top = join(unified, `svf-${process.pid}`);
        mkdirSync(top);
        try {
          const cgroups = createCgroupsV2(top, ['freezer']);
          const backend = createQuiltBackend({
            stateDirectory: join(scene.home, 'state'),
            runtimeDirectory: join(scene.home, 'run'),
            shelldPath: findShelld(),
            cgroups,
          });
          const guest = await backend.create(sandboxSpecForTest());
          const channel = connectGuestChannel(await guest.connect());
          const marker = uniqueSleep();
          channel
            .exec({ command: 'sleep', args: [marker], cwd: '/', env: [...environmentOf(guest)] })
            .exit.catch(() => undefined);
          await eventually('it sleeps', async () => (await hostProcessesNamed(`sleep ${marker}`)).length > 0);
          expect(cgroups.processes(guest.id).length).toBeGreaterThanOrEqual(3);
          await guest.pause();
          expect(await guest.status()).toBe('paused');
          await guest.resume();
          expect(await guest.status()).toBe('running');
          expect(
            (
              await collect(
                channel.exec({ command: 'echo', args: ['on'], cwd: '/', env: [...environmentOf(guest)] }),
              )
            ).stdout.toString(),
          ).toBe('on\n');
          await guest.pause();
          await guest.remove();
          expect(await hostProcessesNamed(marker)).toEqual([]);
          expect(cgroups.list()).toEqual([]);
          const second = await backend.create(sandboxSpecForTest());
          await second.connect().then((stream) => stream.close());
          await second.stop({ graceMs: 100 });
          await second.start();
          await second.remove();
          await expect(
            backend.create(sandboxSpecForTest({ limits: { memoryBytes: 64 * 1_048_576 } })),
          ).rejects.toMatchObject({ reason: 'limit.unsupported' });
          expect(cgroups.list()).toEqual([]);
          await backend.close();
        } finally {
          rmdirSync(join(top, 'sovereign'));
          rmdirSync(top);
        }
      });
    },
  );

  verifies(
    ['R-TIER-3', 'R-TIER-9'],
    'without control groups a sandbox comes up, is stopped, started and removed whole; limits are refused',
    async () => {
      await FaultScene.play(async (scene) => {
        const cgroups = detectCgroups('', '');
        const backend = createQuiltBackend({
          stateDirectory: join(scene.home, 'state'),
          runtimeDirectory: join(scene.home, 'run'),
          shelldPath: findShelld(),
          cgroups,
        });
        await expect(backend.create(sandboxSpecForTest({ limits: { pids: 5 } }))).rejects.toMatchObject({
          reason: 'limit.unsupported',
        });
        const guest = await backend.create(sandboxSpecForTest());
        const channel = connectGuestChannel(await guest.connect());
        const marker = uniqueSleep();
        await collect(
          channel.exec({
            command: 'sh',
            args: ['-c', `setsid sleep ${marker} >/dev/null 2>&1 &`],
            cwd: '/',
            env: [...environmentOf(guest)],
          }),
        );
        expect((await hostProcessesNamed(`sleep ${marker}`)).length).toBe(1);
        for (const call of [guest.pause(), guest.stats(), guest.setLimits({ pids: 5 })])
          await expect(call).rejects.toMatchObject({ reason: 'capability.missing' });
        await guest.stop({ graceMs: 0 });
        expect(await hostProcessesNamed(marker)).toEqual([]);
        await guest.start();
        await guest.remove();
        expect(await backend.list()).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
        await backend.close();
      });
    },
  );
}
