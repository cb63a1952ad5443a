import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSnapshotId, type Leftover, type Sweeper } from '@sovereign/core';
import { ArtifactStore, PackedRoots } from '@sovereign/microvm';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { busyboxLayer, named, playNamed, type NamedScene } from './named-scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, packedRoots);

const patience = { timeoutMs: 120_000 };

function packedRoots(): void {
  verifies(
    ['R-TIER-4', 'R-PRIM-7'],
    'a root that was packed of an image goes with the image, and not while a machine or a snapshot uses it',
    patience,
    async () => {
      await playNamed(async (play) => {
        const { scene, library, packed } = play;
        const sweeper = sweeperOf(play);
        await library.import(await busyboxLayer(), { reference: 'app' });
        // A root of a directory, which is nobody's to collect.
        await (await scene.create()).remove();
        const guest = await scene.create(named('app'));
        expect(await sweeper.leftovers()).toEqual([]);
        const { id } = await scene.snapshots.take(guest.id, { id: createSnapshotId() });
        await guest.remove();
        await expect(library.remove('app')).rejects.toMatchObject({ reason: 'image.in-use' });
        const resumed = scene.keep(await scene.snapshots.resume(id, sandboxSpecForTest()));
        await scene.snapshots.remove(id);
        // What a lease would keep, the record of the machine keeps alone.
        library.release(resumed.id);
        await library.remove('app');
        expect(await sweeper.leftovers()).toEqual([]);
        await resumed.remove();

        const before = roots(play);
        const left = only(await sweeper.leftovers());
        expect(left).toMatchObject({ kind: 'root', id: expect.stringMatching(/^[0-9a-f]{64}$/) });
        expect(left.bytes).toBeGreaterThan(100_000);
        await sweeper.sweep(left);
        expect(roots(play)).toEqual(before.filter((name) => name !== left.id));
        expect(await sweeper.leftovers()).toEqual([]);
        await expect(sweeper.sweep(left)).rejects.toMatchObject({ reason: 'argument.invalid' });

        await library.import(await busyboxLayer(), { reference: 'app' });
        expect(await scene.sh(await scene.create(named('app')), 'echo again')).toBe('again\n');
        expect(packed()).toBe(2);
      });
    },
  );

  verifies(
    ['R-TIER-4', 'R-PRIM-7'],
    'a root whose image is back by the time that it would be removed stays, and is not packed again',
    patience,
    async () => {
      await playNamed(async (play) => {
        const { scene, library, root, packed } = play;
        const bring = async (): Promise<void> => {
          await library.import(await busyboxLayer(), { reference: 'app' });
        };
        await bring();
        await (await scene.create(named('app'))).remove();
        await library.remove('app');
        let looks = 0;
        const late = new PackedRoots({
          store: new ArtifactStore(join(root, 'images', 'microvm')),
          library: {
            // Planned, looked at again, and asked for when nobody can find it any more: here somebody has come.
            rootDigests: async () => {
              if (++looks === 3) await bring();
              return library.rootDigests();
            },
          },
          inUse: () => new Set(),
        });
        const left = only(await late.leftovers());
        await expect(late.sweep(left)).rejects.toMatchObject({ reason: 'argument.invalid' });
        expect(looks).toBe(3);
        expect(await scene.sh(await scene.create(named('app')), 'echo still')).toBe('still\n');
        expect(packed()).toBe(1);
      });
    },
  );
}

function sweeperOf({ scene }: NamedScene): Sweeper {
  const { sweeper } = scene.backend;
  if (sweeper === undefined) throw new Error('the backend collects nothing');
  return sweeper;
}

function roots({ root }: NamedScene): readonly string[] {
  return readdirSync(join(root, 'images', 'microvm', 'root'));
}

function only(found: readonly Leftover[]): Leftover {
  const [left] = found;
  if (left === undefined || found.length > 1) throw new Error(`one expected: ${JSON.stringify(found)}`);
  return left;
}
