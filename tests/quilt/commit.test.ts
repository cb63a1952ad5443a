import { execFileSync } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest } from '@sovereign/core';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { busyboxRoot, importBusybox, importRoot, needsBusybox } from './busybox-image.ts';
import { all, QuiltScene } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, commits);

function commits(): void {
  verifies(
    ['R-NEW-3', 'R-PRIM-1'],
    'a commit is an image with what was changed, and what was removed is not in it',
    async (context) => {
      const busybox = needsBusybox(context);
      await QuiltScene.play(async (scene) => {
        await importBusybox(scene, busybox);
        const guest = await scene.create({ image: { kind: 'reference', reference: 'base' } });
        const script = `echo made > /made && rm /removed && rm -r /tree && mkdir /tree && echo only > /tree/only &&
        ln /made /hard && ln -s /nowhere/at/all /soft && chown 12:34 /made && chmod 4711 /made && mkfifo /pipe &&
        dd if=/dev/zero of=/sparse bs=1 count=1 seek=9999999 2>/dev/null && echo "with space" > "/a b"`;
        expect(await scene.sh(guest, script)).toMatchObject({ code: 0 });
        const image = await scene.engine.commit(guest.id, {
          reference: 'work:1',
          config: { env: { MADE: 'yes' } },
        });
        expect(await guest.status()).toBe('running');
        expect(image.layers).toHaveLength(2);
        expect(image.references).toEqual(['docker.io/library/work:1']);
        const made = await scene.create({ image: { kind: 'reference', reference: 'work:1' } });
        const look = `cat /made /hard /tree/only "/a b"; stat -c '%u %g %a %h' /made; readlink /soft; ls /tree; ls /removed 2>&1
        test -p /pipe && echo pipe; stat -c %s /sparse; cat /kept; ls -a / | grep wh; echo $MADE`;
        expect((await scene.sh(made, look)).out).toBe(
          'made\nmade\nonly\nwith space\n12 34 4711 2\n/nowhere/at/all\nonly\nls: /removed: No such file or directory\npipe\n10000000\nkept\nyes\n',
        );
        expect(await all(scene.engine.diff(made.id))).toEqual([]);
        // Once more, on top of that.
        await scene.sh(made, 'echo again > /made');
        const second = await scene.engine.commit(made.id, { reference: 'work:2' });
        expect(second.layers).toHaveLength(3);
        const last = await scene.create({ image: { kind: 'reference', reference: 'work:2' } });
        expect((await scene.sh(last, 'cat /made; ls /removed 2>&1; stat -c %h /hard')).out).toMatch(
          /^again\n.*No such file/,
        );
      });
    },
  );

  verifies(
    ['R-NEW-3', 'R-NEW-8'],
    'what was made for us to mount on is in no diff and in no commit, unless something else was changed in it',
    async (context) => {
      const busybox = needsBusybox(context);
      await QuiltScene.play(async (scene) => {
        const path = await busyboxRoot(scene, busybox);
        await scene.engine.volumes.create('rows');
        await importRoot(scene, path);
        for (const image of [
          { kind: 'reference', reference: 'base' },
          { kind: 'rootfs', path },
        ] as const) {
          const guest = await scene.create({
            image,
            workspace: { hostPath: scene.workspace, guestPath: '/srv/a[1]*\\b/work' },
            volumes: [{ volume: 'rows', guestPath: '/data/rows' }],
          });
          expect(await all(scene.engine.diff(guest.id))).toEqual([]);
          expect(await committed(scene, guest), image.kind).toEqual([]);
          await scene.sh(guest, 'echo made > /srv/made; mkdir /srv/a1; echo x > /data/rows/x');
          const changes = ['/srv/a1', '/srv/made'].map((made) => ({ kind: 'added', path: made }));
          expect(await all(scene.engine.diff(guest.id))).toEqual(changes);
          expect(await committed(scene, guest)).toEqual(['srv', 'srv/a1', 'srv/made']);
          await guest.remove();
        }
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a root that is no image of the library becomes one whole; that of the host does not',
    async (context) => {
      const busybox = needsBusybox(context);
      await QuiltScene.play(async (scene) => {
        const path = await busyboxRoot(scene, busybox);
        const guest = await scene.create({ image: { kind: 'rootfs', path } });
        expect(await scene.sh(guest, 'echo made > /made; rm /removed')).toMatchObject({ code: 0 });
        await guest.stop({ graceMs: 0 });
        const image = await scene.engine.commit(guest.id, { reference: 'whole' });
        expect(image.layers).toHaveLength(1);
        const made = await scene.create({ image: { kind: 'reference', reference: 'whole' } });
        expect((await scene.sh(made, 'cat /made /kept; ls /removed 2>&1')).out).toMatch(
          /^made\nkept\n.*No such file/,
        );
        const host = await scene.create();
        await expect(scene.engine.commit(host.id, { reference: 'host' })).rejects.toMatchObject({
          reason: 'image.invalid',
        });
        expect(await host.status()).toBe('running');
      });
    },
  );

  verifies('R-NEW-3', 'a fork holds the image of its origin, although the name moves on', async (context) => {
    const busybox = needsBusybox(context);
    await QuiltScene.play(async (scene) => {
      await importBusybox(scene, busybox);
      const spec = { image: { kind: 'reference', reference: 'base' } } as const;
      const guest = await scene.create(spec);
      await scene.sh(guest, 'echo mine > /mine');
      await guest.stop({ graceMs: 0 });
      const other = await scene.create(spec);
      await scene.sh(other, 'rm /kept');
      await scene.engine.commit(other.id, { reference: 'base' });
      const fork = await scene.engine.fork(guest.id, sandboxSpecForTest(spec));
      await fork.start();
      expect((await scene.sh(fork, 'cat /mine /kept')).out).toBe('mine\nkept\n');
      await guest.remove();
      await other.remove();
      await fork.stop({ graceMs: 0 });
      await fork.start();
      expect((await scene.sh(fork, 'cat /mine /kept')).out).toBe('mine\nkept\n');
    });
  });

  verifies('R-TIER-9', 'a sandbox whose image is broken can be removed all the same', async (context) => {
    const busybox = needsBusybox(context);
    await QuiltScene.play(async (scene) => {
      await importBusybox(scene, busybox);
      const spec = { image: { kind: 'reference', reference: 'base' } } as const;
      const library = join(scene.root, 'state', 'images', 'library');
      const [unpacked, unread] = [await scene.create(spec), await scene.create(spec)];
      await unread.stop({ graceMs: 0 });
      for (const layer of await readdir(join(library, 'layers')))
        await rm(join(library, 'layers', layer), { recursive: true });
      await expect(unread.start()).rejects.toMatchObject({ reason: 'image.corrupt' });
      await (await scene.backend.attach(unpacked.id)).remove();
      await rm(join(library, 'blobs'), { recursive: true });
      expect((await scene.backend.list()).map(({ id }) => id)).toEqual([unread.id]);
      await (await scene.backend.attach(unread.id)).remove();
      expect(await scene.backend.list()).toEqual([]);
    });
  });
}

/** Names in the layer that a commit makes, without those of a root that it was whole. */
async function committed(scene: QuiltScene, guest: Guest): Promise<readonly string[]> {
  const { layers } = await scene.engine.commit(guest.id, { reference: 'made' });
  const blobs = join(scene.root, 'state', 'images', 'library', 'blobs', 'sha256');
  const names = execFileSync('tar', ['-tf', join(blobs, layers.at(-1)?.split(':')[1] ?? '')], {
    encoding: 'utf8',
  });
  const ofRoot = /^(?:bin(?:\/.*)?|etc|tmp|tree(?:\/leaf)?|kept|removed)$/;
  return names
    .split('\n')
    .map((name) => name.replace(/^\.?\/?(.*?)\/?$/, '$1'))
    .filter((name) => name !== '' && !ofRoot.test(name))
    .toSorted();
}
