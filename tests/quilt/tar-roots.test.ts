import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ownedName } from '@sovereign/core';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { busyboxRoot, needsBusybox } from './busybox-image.ts';
import { QuiltScene } from './scene.ts';
import { killed, settle, victimOfSuite } from './victims.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, tarRoots);

function tarRoots(): void {
  verifies('R-PRIM-7', 'the root of an archive is left when no sandbox has it, and not before', (context) =>
    withArchive(needsBusybox(context), async (scene, image) => {
      const running = await scene.create({ image });
      const defined = await scene.define({ image });
      const [root = ''] = await rootsOf(scene);
      expect(root).toMatch(/^tar-[0-9a-f]{32}$/);
      await running.remove();
      expect(await scene.leftovers()).toEqual([]);
      await expect(scene.engine.sweep({ kind: 'root', id: root, why: '', bytes: 0 })).rejects.toMatchObject({
        reason: 'argument.invalid',
      });
      await defined.start();
      expect(await scene.sh(defined, 'cat /kept')).toMatchObject({ out: 'kept\n' });
      await defined.remove();
      const [left, ...others] = await scene.leftovers();
      expect(others).toEqual([]);
      expect(left).toMatchObject({ kind: 'root', id: root, why: expect.stringContaining('no sandbox') });
      expect(left?.bytes).toBeGreaterThan(100_000);
      expect(await rootsOf(scene), 'looking changes nothing').toEqual([root]);
      if (left !== undefined) await scene.engine.sweep(left);
      expect(await rootsOf(scene)).toEqual([]);
      expect(await scene.leftovers()).toEqual([]);
    }),
  );

  verifies(
    'R-PRIM-1',
    'a sandbox and its forks keep their root, whatever becomes of the archive',
    (context) =>
      withArchive(needsBusybox(context), async (scene, image) => {
        const guest = await scene.create({ image });
        await guest.stop({ graceMs: 0 });
        await writeFile(image.path, 'another archive');
        const fork = await scene.engine.fork(guest.id, sandboxSpecForTest({ image }));
        await rm(image.path);
        for (const one of [guest, fork]) {
          await one.start();
          expect(await scene.sh(one, 'cat /kept')).toMatchObject({ out: 'kept\n' });
        }
        await guest.remove();
        expect(await scene.leftovers()).toEqual([]);
      }),
  );

  verifies('R-PRIM-7', 'while a sandbox does not say what its root is, no root is left', (context) =>
    withArchive(needsBusybox(context), async (scene, image) => {
      const guest = await scene.create({ image });
      await guest.stop({ graceMs: 0 });
      const record = scene.state('sandboxes', guest.id, 'root');
      await rm(record);
      expect(await scene.leftovers()).toEqual([]);
      // Neither when it cannot even be read what it was made of.
      const spec = scene.state('sandboxes', guest.id, 'spec.json');
      const whole = await readFile(spec);
      await writeFile(spec, '{');
      expect((await scene.leftovers()).filter(({ kind }) => kind === 'root')).toEqual([]);
      await writeFile(spec, whole);
      await guest.start();
      expect(existsSync(record), 'from its next start it says so').toBe(true);
    }),
  );

  verifies('R-PRIM-7', 'a root that a living process is about to use is not left', (context) =>
    withArchive(needsBusybox(context), async (scene, image) => {
      await (await scene.create({ image })).remove();
      const [root = ''] = await rootsOf(scene);
      const left = await scene.leftovers();
      const mark = join(scene.root, 'state', 'images', ownedName(`${root}.used`));
      await writeFile(mark, '');
      expect(await scene.leftovers()).toEqual([]);
      for (const leftover of left)
        await expect(scene.engine.sweep(leftover)).rejects.toMatchObject({ reason: 'argument.invalid' });
      expect(await rootsOf(scene)).toEqual([root]);
      await rm(mark);
      expect(await scene.leftovers()).toEqual(left);
    }),
  );

  describe('beside another process', () => {
    const victim = victimOfSuite();
    const operation = 'create of an archive';

    verifies(
      ['R-PRIM-7', 'R-PRIM-1'],
      'sweeping again and again while it creates of an archive takes the root of none of its sandboxes',
      { timeoutMs: 120_000 },
      (context) =>
        withArchive(needsBusybox(context), async (scene) => {
          let swept = 0;
          // It ends by itself, and the test fails, when one of its creates does.
          const creating = killed(scene, victim(), [operation, 'none'], () => swept >= 8);
          const isOver = creating.then(() => true);
          while (!(await Promise.race([isOver, delay(1, false)]))) swept += await sweepRoots(scene);
          await settle(scene);
          for (const leftover of await scene.leftovers()) await scene.engine.sweep(leftover);
        }),
    );

    verifies('R-PRIM-7', 'killed in a create, it leaves nothing that a sweep does not find', (context) =>
      withArchive(needsBusybox(context), async (scene) => {
        for (const afterMs of [0, 3, 8, 21, 55]) {
          await killed(scene, victim(), [operation, 'none'], afterMs);
          await settle(scene);
          for (const leftover of await scene.leftovers()) await scene.engine.sweep(leftover);
          // A sandbox whose create was not whole had the root until it was swept itself.
          await sweepRoots(scene);
          const left = await readdir(join(scene.root, 'state', 'images'));
          const whole = (await scene.backend.list()).length;
          if (whole === 0)
            expect(
              left.filter((name) => name.startsWith('tar-')),
              `${afterMs} ms`,
            ).toEqual([]);
        }
      }),
    );
  });
}

/** Sweeps what is left of roots; how many there were. What came into use meanwhile is refused. */
async function sweepRoots(scene: QuiltScene): Promise<number> {
  let swept = 0;
  for (const leftover of await scene.engine.leftovers()) {
    if (leftover.kind !== 'root') continue;
    try {
      await scene.engine.sweep(leftover);
      swept++;
    } catch (error) {
      expect(error).toMatchObject({ reason: expect.stringMatching(/^(?:image\.in-use|argument\.invalid)$/) });
    }
  }
  return swept;
}

/** Plays with an archive of a root of busybox. */
function withArchive(
  busybox: string,
  act: (scene: QuiltScene, image: { readonly kind: 'tar'; readonly path: string }) => Promise<void>,
): Promise<void> {
  return QuiltScene.play(async (scene) => {
    const path = join(scene.root, 'image.tar');
    const root = await busyboxRoot(scene, busybox);
    execFileSync('tar', ['-c', '-f', path, '--owner=0', '--group=0', '-C', root, '.']);
    await act(scene, { kind: 'tar', path });
  });
}

const isTarRoot = /^tar-[0-9a-f]{32}$/;

async function rootsOf(scene: QuiltScene): Promise<readonly string[]> {
  const names = await readdir(join(scene.root, 'state', 'images'));
  return names.filter((name) => isTarRoot.test(name));
}
