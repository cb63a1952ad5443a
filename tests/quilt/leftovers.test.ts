import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Guest, Leftover } from '@sovereign/core';
import { eventually, sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { importBusybox, needsBusybox } from './busybox-image.ts';
import { needsRoot, QuiltScene } from './scene.ts';
import { killed, settle, victimOfSuite } from './victims.ts';

/** Milliseconds after which it is killed: spread over everything that one round takes, and beyond. */
const killAfterMs = [0, 1, 3, 5, 8, 12, 16, 21, 28, 37, 50, 72];

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, leftovers);

function leftovers(): void {
  const victim = victimOfSuite();

  /** Kills the operation at every point in time; after each kill all that is left is named, and removed. */
  const killEverywhere = (operation: string, busybox?: string): Promise<void> =>
    QuiltScene.play(async (scene) => {
      await scene.engine.volumes.create('data');
      if (busybox !== undefined) await importBusybox(scene, busybox);
      const image =
        busybox === undefined
          ? ({ kind: 'host' } as const)
          : ({ kind: 'reference', reference: 'base' } as const);
      const sandbox = await scene.create({ name: 'sandbox', image });
      if (operation === 'fork') await sandbox.stop({ graceMs: 0 });
      for (const ms of killAfterMs) {
        await killed(scene, victim(), [operation, sandbox.id], ms);
        await settle(scene);
        await age(scene);
        for (const leftover of await scene.leftovers()) await sweep(scene, leftover);
        expect(await scene.leftovers(), `after ${ms} ms`).toEqual([]);
        await expectClean(scene, sandbox);
      }
    });

  const timeoutMs = 240_000;
  verifies('R-PRIM-7', 'create killed at every step: what is left is named and swept', { timeoutMs }, () =>
    killEverywhere('create'),
  );
  verifies('R-PRIM-7', 'attach and detach killed at every step', { timeoutMs }, () =>
    killEverywhere('attach'),
  );
  verifies('R-PRIM-7', 'fork killed at every step', { timeoutMs }, () => killEverywhere('fork'));
  verifies(['R-PRIM-7', 'R-NEW-3'], 'commit killed at every step', { timeoutMs }, (context) =>
    killEverywhere('commit', needsBusybox(context)),
  );
  verifies('R-PRIM-7', 'making a volume killed at every step', { timeoutMs }, () => killEverywhere('volume'));
  verifies(
    'R-PRIM-7',
    'making and joining a network killed at every step',
    { timeoutMs },
    async (context) => {
      needsRoot(context);
      await killEverywhere('network');
    },
  );

  verifies(
    'R-PRIM-7',
    'each kind of leftover is named with its reason; looking changes nothing',
    async () => {
      await QuiltScene.play(async (scene) => {
        const sandbox = await scene.create();
        const old = new Date(1_000_000);
        const partial = scene.state('sandboxes', 'sbx_000000000001.partial');
        await mkdir(partial);
        await writeFile(join(partial, 'file'), 'x'.repeat(10_000));
        const socket = join(scene.root, 'run', 'sbx_000000000002.sock');
        await writeFile(socket, '');
        await mkdir(scene.state('names'), { recursive: true });
        const name = scene.state('names', 'lost');
        await writeFile(name, 'sbx_000000000003');
        const owned = scene.state('volumes', '_x.of-1-1-0');
        await mkdir(owned, { recursive: true });
        for (const path of [partial, socket, name]) await utimes(path, old, old);
        const found = await scene.leftovers();
        expect(found.map(({ kind, id }) => [kind, id]).sort()).toEqual(
          [
            ['directory', partial],
            ['name', name],
            ['socket', socket],
            ['volume', owned],
          ].sort(),
        );
        expect(found.every(({ why }) => why.length > 10)).toBe(true);
        expect(found.find(({ kind }) => kind === 'directory')?.bytes).toBeGreaterThan(10_000);
        expect(await scene.leftovers()).toEqual(found);
        for (const leftover of found) await scene.engine.sweep(leftover);
        expect(await scene.leftovers()).toEqual([]);
        for (const { id } of found) expect(existsSync(id)).toBe(false);
        // What is in use is no leftover, whatever its caller says.
        await expect(
          scene.engine.sweep({ kind: 'sandbox', id: sandbox.id, why: '', bytes: 0 }),
        ).rejects.toMatchObject({ reason: 'argument.invalid' });
        expect(await sandbox.status()).toBe('running');
      });
    },
  );

  verifies('R-PRIM-2', 'events: what any process does, and a guest that dies by itself', async () => {
    await QuiltScene.play(async (scene) => {
      const heard: string[] = [];
      const done = new AbortController();
      const following = (async () => {
        for await (const { kind, subject } of scene.engine.events(done.signal))
          heard.push(`${kind} ${subject}`);
      })();
      await delay(50);
      const spec = sandboxSpecForTest();
      const guest = await scene.backend.create(spec);
      await guest.pause();
      await guest.resume();
      await guest.stop({ graceMs: 0 });
      await guest.start();
      process.kill(await scene.pidOf(guest), 'SIGKILL');
      const all = ['created', 'started', 'paused', 'resumed', 'stopped', 'started', 'died', 'removed'];
      await eventually('it is heard to have died', () => heard.includes(`died ${spec.id}`), 10_000);
      await guest.remove();
      await eventually('all is heard', () => heard.length === all.length, 10_000);
      expect(heard).toEqual(all.map((kind) => `${kind} ${spec.id}`));
      done.abort();
      await following;
    });
  });
}

/** As if a minute had passed: what is younger may be in the making. */
async function age(scene: QuiltScene): Promise<void> {
  const old = new Date(1_000_000);
  const paths = ['sandboxes', 'names'].map((name) => scene.state(name));
  for (const directory of [...paths, join(scene.root, 'run')])
    for (const name of await readdir(directory).catch(() => []))
      await utimes(join(directory, name), old, old).catch(() => undefined);
}

/** One may go with another: a half that is removed takes its socket along. */
async function sweep(scene: QuiltScene, leftover: Leftover): Promise<void> {
  await scene.engine.sweep(leftover).catch((error: unknown) => {
    if ((error as { readonly reason?: string }).reason !== 'argument.invalid') throw error;
  });
}

/** Nothing of the victim is there, and what it worked on is sound. */
async function expectClean(scene: QuiltScene, sandbox: Guest): Promise<void> {
  for (const { id, spec } of await scene.backend.list()) {
    // One that its victim was told of before it was killed is a sandbox like any other.
    if (spec.name?.startsWith('victim-') === true) await (await scene.backend.attach(id)).remove();
  }
  for (const { references } of await scene.engine.images.list())
    for (const reference of references)
      if (!reference.endsWith('/base:latest')) await scene.engine.images.remove(reference);
  for (const { name, users } of await scene.engine.volumes.list()) {
    for (const user of users) await scene.engine.volumes.detach(user, '/data');
    if (name === 'made') await scene.engine.volumes.remove('made');
  }
  for (const { name, members } of await scene.engine.networks.list()) {
    for (const member of members) await scene.engine.networks.disconnect(name, member.sandbox);
    await scene.engine.networks.remove(name);
  }
  const state = [
    ...(await readdir(scene.state('sandboxes'))),
    ...(await readdir(scene.state('volumes'))),
    ...(await readdir(scene.state('networks')).catch(() => [])),
    ...(await readdir(scene.state('names')).catch(() => [])),
  ];
  expect(state.sort()).toEqual([sandbox.id, 'data', 'sandbox'].sort());
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(scene.root);
  expect(spawnSync('losetup', ['-a'], { encoding: 'utf8' }).stdout).not.toContain(scene.root);
  if ((await sandbox.status()) === 'running')
    expect((await scene.sh(sandbox, 'echo sound')).out).toBe('sound\n');
}
