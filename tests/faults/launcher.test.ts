import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProcessBackend, createQuiltBackend } from '@sovereign/backends';
import type { Backend } from '@sovereign/core';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import {
  eventually,
  hostProcessesNamed,
  sandboxSpecForTest,
  skipOrFail,
  tierTest,
  uniqueSleep,
  verifies,
} from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { createCgroupsV1 } from '../../packages/backends/src/quilt/cgroups-v1.ts';
import { createCgroupsV2 } from '../../packages/backends/src/quilt/cgroups-v2.ts';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

/**
 * Bubblewrap as it could misbehave. `$SLEEP` marks what it leaves running; descriptor 4 is where it reports the guest,
 * descriptor 3 the socket.
 */
const broken: Readonly<Record<string, string>> = {
  'exits at once': 'echo it said no >&2; exit 1',
  'exits at once without a word': 'exit 0',
  'prints garbage': 'head -c 100000 /dev/urandom >&4; head -c 100000 /dev/urandom; exit 0',
  'reports garbage and stays': 'head -c 4000 /dev/zero | tr "\\0" x >&4; $SLEEP',
  'names a process of the host': 'echo "{ \\"child-pid\\": 1 }" >&4; $SLEEP',
  'names its parent': 'echo "{ \\"child-pid\\": $PPID }" >&4; $SLEEP',
  'names nobody': 'echo "{ \\"child-pid\\": -1 }" >&4; exit 0',
  'names a process that has ended': 'true & p=$!; wait; echo "{ \\"child-pid\\": $p }" >&4; exit 0',
  'dies after naming a child that dies': 'sh -c "exit 3" & echo "{ \\"child-pid\\": $! }" >&4; kill -9 $$',
  'is killed': 'kill -9 $$',
};

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => launchers(tier.name as 'process' | 'quilt'));
}

function launchers(tier: 'process' | 'quilt'): void {
  for (const [fault, script] of Object.entries(broken)) {
    verifies(
      'R-TIER-9',
      `${tier}: a launcher that ${fault} is a clear error, and nothing stays`,
      async () => {
        await FaultScene.play(async (scene) => {
          const client = await scene.client();
          // The twin: with the real one it works, and what is made once is there.
          await (await client.create({ tier, workspace: scene.workspace })).remove();
          const marker = uniqueSleep();
          await scene.script('bin/bwrap', `#!/bin/sh\nSLEEP='sleep ${marker}'\n${script}\n`);
          const backend = freshBackend(tier, scene);
          const outcome = await backend
            .create(sandboxSpecForTest({ workspace: { hostPath: scene.workspace } }))
            .then(
              (guest) => guest,
              (error: unknown) => error as Error,
            );
          if (outcome instanceof Error) {
            expect(outcome).toMatchObject({ name: 'SovereignError', reason: 'launcher.failed' });
            if (fault === 'exits at once') expect(outcome.message).toContain('it said no');
            expect(outcome.message).not.toMatch(/[\u0000-\u001f\u007f]/);
          } else {
            // Named and gone, so nobody answers; or the process tier has taken its second way, whose layers tell it apart.
            const answer = await outcome
              .connect()
              .then((stream) => connectGuestChannel(stream).welcome)
              .catch((error: unknown) => error as Error);
            if (answer instanceof Error) {
              expect(answer).toMatchObject({
                reason: expect.stringMatching(/^(launcher\.failed|channel\.closed)$/),
              });
              await eventually('it is stopped', async () => (await outcome.status()) === 'stopped');
            } else {
              expect(tier).toBe('process');
              const mounts = answer.layers.find(({ name }) => name === 'mount-namespace');
              expect(mounts?.state).toBe('failed');
            }
            await outcome.remove();
          }
          expect(await backend.list()).toEqual([]);
          await backend.close();
          expect(await hostProcessesNamed(marker)).toEqual([]);
          expect(await scene.leftInState()).toEqual([]);
        });
      },
    );
  }

  verifies(
    'R-TIER-9',
    `${tier}: a launcher that hangs is given up in time, and killed with what it started`,
    { timeoutMs: 90_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const marker = uniqueSleep();
        await scene.script('bin/bwrap', `#!/bin/sh\nsleep ${marker} &\nsleep ${marker}\n`);
        const backend = freshBackend(tier, scene);
        await expect(backend.create(sandboxSpecForTest())).rejects.toMatchObject({
          reason: 'launcher.failed',
        });
        expect(await backend.list()).toEqual([]);
        await backend.close();
        expect(await hostProcessesNamed(marker)).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-9',
    `${tier}: places that cannot be used are refused by a typed error, and nothing is made there`,
    async () => {
      await FaultScene.play(async (scene) => {
        const long = scene.path('x'.repeat(90));
        const file = scene.path('file');
        await writeFile(file, '');
        for (const [runtimeDirectory, reason] of [
          [long, 'socket.path-too-long'],
          [join(file, 'run'), 'sandbox.create-failed'],
          ['/sys/kernel/none/run', 'sandbox.create-failed'],
        ] as const) {
          const backend = freshBackend(tier, scene, { runtimeDirectory });
          await expect(backend.create(sandboxSpecForTest())).rejects.toMatchObject({ reason });
          expect(await backend.list()).toEqual([]);
          await backend.close();
        }
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies('R-TIER-9', `${tier}: without its daemon the tier says so`, async () => {
    await FaultScene.play(async (scene) => {
      for (const shelldPath of [
        scene.path('not-there'),
        await scene.script('not-a-program', 'rubbish'),
        '/bin/false',
        '/bin/cat',
      ]) {
        const backend = freshBackend(tier, scene, { shelldPath });
        await expect(backend.create(sandboxSpecForTest())).rejects.toMatchObject({
          reason: 'launcher.failed',
        });
        expect(await backend.list()).toEqual([]);
        await backend.close();
      }
      const missing = { ...process.env, SOVEREIGN_SHELLD: scene.path('not-there') };
      await expect(scene.client(missing)).rejects.toMatchObject({ reason: 'shelld.missing' });
      expect(await scene.leftInState()).toEqual([]);
    });
  });
}

verifies(
  'R-TIER-9',
  "a runtime directory that is a link or somebody else's is refused before anything is made",
  async () => {
    await FaultScene.play(async (scene) => {
      const run = join(scene.home, 'run');
      await mkdir(scene.path('elsewhere'));
      const places: readonly (() => Promise<void>)[] = [
        () => symlink(scene.path('elsewhere'), run),
        async () => {
          await mkdir(run);
          if (process.getuid?.() === 0) await chown(run, 12_345, 12_345);
          else await rm(run, { recursive: true }).then(() => symlink('/tmp', run));
        },
      ];
      for (const make of places) {
        await make();
        await expect(scene.client().then((client) => client.create({}))).rejects.toMatchObject({
          reason: expect.stringMatching(/^state\.refused$/),
        });
        await rm(run, { recursive: true, force: true });
      }
      expect(await readdir(scene.path('elsewhere'))).toEqual([]);
      // The twin: one that is open to others is closed, and used.
      await mkdir(run);
      await chmod(run, 0o777);
      await (await (await scene.client()).create({ tier: 'process', workspace: scene.workspace })).remove();
      expect((await stat(run)).mode & 0o777).toBe(0o700);
    });
  },
);

test('a runtime directory that is a file is refused by type', async () => {
  await FaultScene.play(async (scene) => {
    await writeFile(join(scene.home, 'run'), '');
    await expect(scene.client()).rejects.toMatchObject({ reason: 'state.refused' });
  });
});

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, quilt);

function quilt(): void {
  verifies(
    'R-TIER-8',
    'without bubblewrap quilt by name is refused with what to do, never replaced; auto says what it took',
    async (context) => {
      // Bubblewrap is found outside of PATH too, so it has to be out of sight: in a mount namespace of its own.
      const probe = spawnSync('unshare', ['-m', 'true']);
      if (process.getuid?.() !== 0 || probe.status !== 0)
        skipOrFail(context, 'root', 'hiding bubblewrap takes a mount namespace');
      await FaultScene.play(async (scene) => {
        const hidden = await scene.script('hidden/bwrap', '');
        await chmod(hidden, 0o644);
        const places = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'];
        const hide = places.map((place) => `test -e ${place} && mount --bind ${hidden} ${place}; `).join('');
        const named = await scene.child('create', { tier: 'quilt' }, {}, [
          'unshare',
          '-m',
          'sh',
          '-c',
          `${hide} exec "$@"`,
          'sh',
        ]);
        await named.heard('ready');
        named.go();
        const refused = await named.result();
        expect(refused).toMatchObject({ event: 'failed', reason: 'tier.unavailable' });
        expect(`${String(refused['message'])} ${String(refused['hint'])}`).toMatch(/bubblewrap/);
        expect(String(refused['hint'])).toMatch(/apt-get install bubblewrap/);
        const auto = await scene.child('create', {}, {}, [
          'unshare',
          '-m',
          'sh',
          '-c',
          `${hide} exec "$@"`,
          'sh',
        ]);
        await auto.heard('ready');
        auto.go();
        expect(await auto.result()).toMatchObject({ event: 'done', tier: 'process' });
      });
    },
  );

  verifies('R-TIER-9', 'limits that the kernel refuses end the create, and leave no group', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      // Too little for a launcher to run in: whichever step the kernel stops, what had been made goes.
      for (const limits of [{ pids: 1 }, { cpus: 0.01, pids: 1 }]) {
        const failing = client.create({ tier: 'quilt', limits });
        await expect(failing, JSON.stringify(limits)).rejects.toMatchObject({ name: 'SovereignError' });
        await expect(failing).rejects.not.toMatchObject({ reason: 'internal' });
      }
      expect((await client.list()).sandboxes).toEqual([]);
      expect(await scene.leftInState()).toEqual([]);
    });
  });

  verifies(
    'R-TIER-9',
    'control groups that cannot be made or written end the create with limit.unsupported',
    async () => {
      await FaultScene.play(async (scene) => {
        const file = scene.path('file');
        await writeFile(file, '');
        const faulty = [createCgroupsV1({ pids: file }), createCgroupsV2(file, ['pids'])];
        for (const cgroups of faulty) {
          const backend = createQuiltBackend({ ...directoriesOf(scene), shelldPath: findShelld(), cgroups });
          await expect(backend.create(sandboxSpecForTest())).rejects.toMatchObject({
            reason: 'limit.unsupported',
          });
          expect(await backend.list()).toEqual([]);
          await backend.close();
        }
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );
}

function directoriesOf(scene: FaultScene): {
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
} {
  return { stateDirectory: join(scene.home, 'state'), runtimeDirectory: join(scene.home, 'run') };
}

function freshBackend(
  tier: 'process' | 'quilt',
  scene: FaultScene,
  options: { readonly runtimeDirectory?: string; readonly shelldPath?: string } = {},
): Backend {
  const all = { ...directoriesOf(scene), shelldPath: findShelld(), ...options };
  return tier === 'quilt' ? createQuiltBackend(all) : createProcessBackend(all);
}
