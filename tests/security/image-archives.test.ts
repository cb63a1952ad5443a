import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { LaunchHelper, findShelld } from '@sovereign/guest';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { createLayerUnpacker } from '../../packages/backends/src/quilt/layer-unpacker.ts';
import { inPieces, rawTar, type RawEntry } from '../../packages/images/src/tar/tar-for-test.ts';
import { ImageScene } from '../images/image-scene.ts';
import { probeTiers } from '../support/tiers.ts';

/** Every shape of an archive that has led out of a directory somewhere. `victim` is a directory that anybody may write to. */
const shapes: Readonly<Record<string, (victim: string) => readonly RawEntry[]>> = {
  'dot dot': (victim) => [{ name: `../../../../../../../../..${victim}/evil`, content: 'x' }],
  absolute: (victim) => [{ name: `${victim}/evil`, content: 'x' }],
  'pax path': (victim) => [
    { name: 'a', content: 'x', pax: { path: `../../../../../../../..${victim}/evil` } },
  ],
  'link, then a file through it': (victim) => [
    { name: 'out', type: '2', link: victim },
    { name: 'out/evil', content: 'x' },
  ],
  'relative link, then a file through it': (victim) => [
    { name: 'out', type: '2', link: `../../../../../../../../..${victim}` },
    { name: 'out/evil', content: 'x' },
  ],
  'link to a link, then a directory through it': (victim) => [
    { name: 'one', type: '2', link: 'two' },
    { name: 'two', type: '2', link: victim },
    { name: 'one/evil/', type: '5' },
  ],
  'link, then the same name as a file': (victim) => [
    { name: 'kept', type: '2', link: `${victim}/kept` },
    { name: 'kept', content: 'overwritten' },
  ],
  'directory that becomes a link': (victim) => [
    { name: 'd/', type: '5' },
    { name: 'd', type: '2', link: victim },
    { name: 'd/evil', content: 'x' },
  ],
  'hard link to the outside': (victim) => [
    { name: 'hard', type: '1', link: `${victim}/kept` },
    { name: 'hard', content: 'overwritten' },
  ],
  'hard link through a link': (victim) => [
    { name: 'out', type: '2', link: victim },
    { name: 'hard', type: '1', link: 'out/kept' },
    { name: 'hard', content: 'overwritten' },
  ],
  'hard link to a link': (victim) => [
    { name: 'soft', type: '2', link: `${victim}/kept` },
    { name: 'hard', type: '1', link: 'soft' },
    { name: 'hard', content: 'overwritten' },
  ],
  'root that is a link': (victim) => [
    { name: './', type: '2', link: victim },
    { name: './evil', content: 'x' },
  ],
  'whiteout through a link': (victim) => [{ name: 'out', type: '2', link: victim }, { name: 'out/.wh.kept' }],
  'whiteout of ..': () => [{ name: 'd/.wh...' }],
  devices: () => [
    { name: 'disk', type: '4' },
    { name: 'null', type: '3' },
  ],
  'escapes in names': () => [{ name: 'a\u001b[2J\nb', content: 'x' }],
  'links to the layers of others': () => [
    { name: 'l', type: '2', link: '../../layers' },
    { name: 'l/empty/evil', content: 'x' },
  ],
};

const fine: readonly RawEntry[] = [{ name: 'fine', content: 'fine' }];

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, archives);

/** Runs `act` with a directory that it must not change. */
async function withVictim(
  scene: ImageScene,
  name: string,
  act: (victim: string) => Promise<void>,
): Promise<void> {
  const victim = join(scene.root, 'victim');
  await mkdir(victim);
  // Whoever the extracting program is on the host: it could write there if it got there.
  await chmod(victim, 0o777);
  await writeFile(join(victim, 'kept'), 'kept');
  await chmod(join(victim, 'kept'), 0o666);
  await act(victim);
  expect(await readdir(victim), name).toEqual(['kept']);
  expect(await readFile(join(victim, 'kept'), 'utf8'), name).toBe('kept');
  expect((await stat(join(victim, 'kept'))).nlink, name).toBe(1);
  await rm(victim, { recursive: true });
}

function archives(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'no shape of a layer leaves its directory',
    { timeoutMs: 120_000 },
    async () => {
      await ImageScene.play(async (scene) => {
        const library = scene.library();
        for (const [name, shape] of Object.entries(shapes)) {
          await withVictim(scene, name, async (victim) => {
            const archive = gzipSync(rawTar([...shape(victim), ...fine]));
            const outcome = await library.import(inPieces(archive), { reference: 'evil' }).then(
              () => 'taken',
              (error: unknown) => (error as { reason: string }).reason,
            );
            expect(['taken', 'image.corrupt'], name).toContain(outcome);
            if (outcome === 'image.corrupt') expect(await library.list(), name).toEqual([]);
            else {
              const held = await library.hold('test', 'evil');
              const top = join(held.layerRoot, held.layers[0] ?? '');
              expect(await readFile(join(top, 'fine'), 'utf8'), name).toBe('fine');
              for (const device of ['disk', 'null']) expect(existsSync(join(top, device)), name).toBe(false);
              library.release('test');
              await library.remove('evil');
            }
            expect(await readdir(scene.path('layers', 'empty')), name).toEqual([]);
          });
        }
        await library.import(inPieces(rawTar(fine)), { reference: 'twin' });
      });
    },
  );

  verifies('R-TIER-3', 'nor where it is not rewritten beforehand', { timeoutMs: 120_000 }, async () => {
    await ImageScene.play(async (scene) => {
      const shelldPath = findShelld();
      const helper = new LaunchHelper({ shelldPath });
      const unpacker = createLayerUnpacker(() => ({
        helper,
        shelldPath,
        imageDirectory: join(scene.root, 'state'),
        runtimeDirectory: join(scene.root, 'run'),
      }));
      const directory = join(scene.root, 'out');
      await mkdir(join(scene.root, 'layers', 'empty'), { recursive: true });
      try {
        for (const [name, shape] of Object.entries(shapes)) {
          await withVictim(scene, name, async (victim) => {
            await mkdir(directory);
            // tar refuses some and takes some: what counts is what is outside afterwards.
            await unpacker
              .unpack({ directory, tar: inPieces(rawTar([...shape(victim), ...fine])) })
              .catch(() => undefined);
            expect(await readdir(join(scene.root, 'layers', 'empty')), name).toEqual([]);
            await unpacker.remove(directory);
          });
        }
        await mkdir(directory);
        await unpacker.unpack({ directory, tar: inPieces(rawTar(fine)) });
        expect(await readFile(join(directory, 'fine'), 'utf8')).toBe('fine');
      } finally {
        await helper.close();
      }
    });
  });

  verifies('R-TIER-3', 'a layer cannot steer the overlay that it is mounted in', async () => {
    await ImageScene.play(async (scene) => {
      const library = scene.library();
      const attributes = {
        'SCHILY.xattr.user.overlay.redirect': '/etc',
        'SCHILY.xattr.user.overlay.opaque': 'y',
        'SCHILY.xattr.user.mine': 'kept',
      };
      await library.import(
        inPieces(
          rawTar([
            { name: 'd/', type: '5' },
            { name: 'd/below', content: 'below' },
          ]),
        ),
        { reference: 'base' },
      );
      await library.addLayer({
        base: 'base',
        reference: 'top',
        layer: inPieces(
          rawTar([
            { name: 'd/', type: '5', pax: attributes },
            { name: 'd/above', content: 'above' },
          ]),
        ),
      });
      const held = await library.hold('test', 'top');
      expect(await readdir(join(held.layerRoot, held.layers[0] ?? '', 'd'))).toEqual(['above']);
      const list = 'import os, sys; print(sorted(os.listxattr(sys.argv[1])))';
      expect(
        execFileSync('python3', ['-c', list, join(held.layerRoot, held.layers[0] ?? '', 'd')], {
          encoding: 'utf8',
        }),
      ).toBe("['user.mine']\n");
    });
  });
}
