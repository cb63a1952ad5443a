import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createQemuBackend } from '@sovereign/backends';
import { createSnapshotId } from '@sovereign/core';
import { findShelld } from '@sovereign/guest';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { busyboxLayer, layer, named, playNamed } from './named-scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, namedImages);

const patience = { timeoutMs: 120_000 };
const nobodyLives = (): boolean => false;

function namedImages(): void {
  verifies(
    'R-TIER-4',
    'a machine boots from any image of the library: layers, links, owners',
    patience,
    async () => {
      await playNamed(async ({ scene, library }) => {
        await library.import(
          await busyboxLayer([
            { name: 'etc/gone', content: 'low' },
            { name: 'etc/changed', content: 'low' },
            { name: 'data/', type: '5' },
            { name: 'data/old', content: 'low' },
            { name: 'one', content: 'shared' },
            { name: 'two', type: '1', link: 'one' },
            { name: 'three', type: '1', link: 'one' },
          ]),
          { reference: 'base' },
        );
        await library.addLayer({
          base: 'base',
          reference: 'app',
          layer: layer([
            { name: './', type: '5', mode: 0o777 },
            { name: 'etc/.wh.gone' },
            { name: 'etc/changed', content: 'high', mode: 0o4711, pax: { uid: '1234', gid: '5678' } },
            { name: 'data/', type: '5', mode: 0o1777 },
            { name: 'data/.wh..wh..opq' },
            { name: 'data/new', content: 'high' },
            { name: '.wh.one' },
            { name: 'dev/evil', type: '3' },
          ]),
          config: { env: { COLOUR: 'blue', HOME: '/data' }, workingDirectory: '/data' },
        });
        const guest = await scene.create(named('app'));
        const looked = await scene.sh(
          guest,
          `ls /etc | grep -c gone; cat /etc/changed; stat -c ' %a %u %g' /etc/changed; ls /data; cat /two /three; echo
         stat -c '%h %a' /two; stat -c '%a %u %g' / /data; ls / | grep -c one; ls /dev | grep -c evil; pwd; echo $COLOUR $HOME`,
        );
        expect(looked).toBe(
          '0\nhigh 4711 1234 5678\nnew\nsharedshared\n2 755\n755 0 0\n1777 0 0\n0\n0\n/data\nblue /data\n',
        );
      });
    },
  );

  verifies(
    'R-TIER-4',
    'an image is packed once, whoever asks at the same time, and stays what it was for who has it',
    patience,
    async () => {
      await playNamed(async ({ scene, library, root, packed }) => {
        await library.import(await busyboxLayer([{ name: 'etc/version', content: 'one' }]), {
          reference: 'app',
        });
        // Another process of ours, by all that the two know of each other.
        const other = createQemuBackend({
          stateDirectory: join(scene.root, 's'),
          runtimeDirectory: join(scene.root, 'r'),
          shelldPath: findShelld(),
          images: () => library,
          imageDirectory: join(root, 'images'),
          kernelPath: scene.kernelPath,
        });
        const guests = await Promise.all([
          scene.create(named('app')),
          scene.create(named('app')),
          other.create(scene.spec(named('app'))),
        ]);
        expect(packed()).toBe(1);
        const [first] = guests;
        await library.import(await busyboxLayer([{ name: 'etc/version', content: 'two' }]), {
          reference: 'app',
        });
        await first.stop({ graceMs: 0 });
        await first.start();
        expect(await scene.sh(first, 'cat /etc/version')).toBe('one');
        expect(await scene.sh(await scene.create(named('app')), 'cat /etc/version')).toBe('two');
        expect(packed()).toBe(2);
        await other.close();
      });
    },
  );

  verifies(
    'R-TIER-4',
    'what a machine, a snapshot or what is resumed of it uses is collected by nobody; the rest is',
    patience,
    async () => {
      await playNamed(async ({ scene, library, root }) => {
        const made = await library.import(await busyboxLayer(), {
          reference: 'app',
          config: { env: { COLOUR: 'blue' } },
        });
        const age = (owner: string): void => {
          utimesSync(join(root, 'q', 'images', 'library', 'leases', `${owner}.json`), 1, 1);
        };
        const leftovers = async (): Promise<string[]> =>
          (await library.leftovers(nobodyLives)).map(({ kind, id }) => `${kind} ${id}`);
        const guest = await scene.create(named('app'));
        age(guest.id);
        await expect(library.remove('app')).rejects.toMatchObject({ reason: 'image.in-use' });
        expect(await leftovers()).toEqual([]);
        const { id } = await scene.snapshots.take(guest.id, { id: createSnapshotId() });
        age(id);
        await guest.remove();
        await expect(library.remove('app')).rejects.toMatchObject({ reason: 'image.in-use' });
        expect(await leftovers()).toEqual([]);
        const resumed = scene.keep(await scene.snapshots.resume(id, sandboxSpecForTest()));
        await scene.snapshots.remove(id);
        age(resumed.id);
        expect(await scene.sh(resumed, 'echo $COLOUR')).toBe('blue\n');
        expect((await scene.backend.attach(resumed.id)).baseEnv).toMatchObject({ COLOUR: 'blue' });
        expect(await leftovers()).toEqual([]);
        await resumed.stop({ graceMs: 0 });
        await resumed.start();
        await resumed.remove();
        expect(readdirSync(join(root, 'q', 'images', 'library', 'leases'))).toEqual([]);
        await library.remove('app');
        await expect(library.inspect(made.digest)).rejects.toMatchObject({ reason: 'image.not-found' });
        await expect(scene.create(named('app'))).rejects.toMatchObject({ reason: 'image.not-found' });
        expect(await scene.backend.list()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-4',
    'a client killed while it packs leaves nothing that is used, and the next one clears it away',
    patience,
    async () => {
      await playNamed(async ({ scene, library, root }) => {
        const big = { name: 'etc/big', content: randomBytes(4_000_000) };
        await library.import(await busyboxLayer([big]), { reference: 'app' });
        const child = spawn(
          process.execPath,
          [
            ...['--import', 'tsx', '--conditions=@sovereign/source'],
            fileURLToPath(new URL('pack-client.ts', import.meta.url)),
            root,
            'app',
          ],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        for await (const line of createInterface({ input: child.stdout })) if (line === 'half') break;
        const roots = join(root, 'images', 'microvm', 'root');
        expect(readdirSync(join(roots, 'by-input')).some((name) => name.endsWith('.lock'))).toBe(true);
        child.kill('SIGKILL');
        await once(child, 'exit');
        const guest = await scene.create(named('app'));
        expect(await scene.sh(guest, 'stat -c %s /etc/big')).toBe('4000000\n');
        for (const path of [roots, join(roots, 'by-input')])
          expect(
            readdirSync(path).filter((name) => !/^(by-input|[0-9a-f]{64}(\.json)?)$/.test(name)),
          ).toEqual([]);
        utimesSync(join(root, 'q', 'images', 'library', 'leases', 'sbx_000000packer.json'), 1, 1);
        for (const leftover of await library.leftovers(nobodyLives))
          await library.sweep(leftover, nobodyLives);
        expect(await library.leftovers(nobodyLives)).toEqual([]);
        expect((await library.kept(guest.id))?.reference).toBe('docker.io/library/app:latest');
      });
    },
  );

  verifies('R-TIER-4', 'a hostile or damaged image is refused and leaves nothing', patience, async () => {
    await playNamed(async ({ scene, library, root }) => {
      await library.import(await busyboxLayer(), { reference: 'good' });
      const { layers } = await library.import(await busyboxLayer([{ name: 'x', content: 'y' }]), {
        reference: 'bad',
      });
      const blob = join(root, 'q', 'images', 'library', 'blobs', 'sha256', (layers[0] ?? '').slice(7));
      await writeFile(blob, 'this is no layer');
      await expect(scene.create(named('bad'))).rejects.toMatchObject({ reason: 'image.corrupt' });
      await expect(scene.create(named('not-there'))).rejects.toMatchObject({ reason: 'image.not-found' });
      expect(await scene.backend.list()).toEqual([]);
      expect(readdirSync(join(root, 'q', 'images', 'library', 'leases'))).toEqual([]);
      const roots = join(root, 'images', 'microvm', 'root');
      expect(
        existsSync(roots) ? readdirSync(join(roots, 'by-input')).filter((name) => name.includes('.of-')) : [],
      ).toEqual([]);
      // The twin: one that is whole boots.
      expect(await scene.sh(await scene.create(named('good')), 'echo up')).toBe('up\n');
    });
  });
}
