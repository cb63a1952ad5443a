import { expect } from 'vitest';
import type { ChangeRecord } from '@sovereign/core';
import { verifies } from '../../requirements/verifies.ts';
import { EngineScene, undeclared, type EngineContractOptions } from './engine-subject.ts';

/** What a container changed: seen, kept as an image, and forked. */
export function layersContract(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> => EngineScene.play(options, act);

  verifies(['R-NEW-8', 'R-PRIM-1'], 'diff names what was added, modified and removed, sorted', async () => {
    await play(async (scene) => {
      const guest = await scene.started((await scene.image()).name);
      if (scene.lacks('diff')) return expect(changes(scene, guest.id)).rejects.toMatchObject(undeclared);
      await scene.write(guest, '/etc/added', 'new');
      await scene.write(guest, '/etc/motd', 'other');
      await scene.stage.run(guest, 'rm', '/etc/group');
      const found = (await changes(scene, guest.id)).filter(({ path }) => path.startsWith('/etc/'));
      expect(found).toEqual([
        { kind: 'added', path: '/etc/added' },
        { kind: 'removed', path: '/etc/group' },
        { kind: 'modified', path: '/etc/motd' },
      ]);
    });
  });

  verifies(
    ['R-NEW-3', 'R-PRIM-1'],
    'a commit is an image with what was changed; the container runs on',
    async () => {
      await play(async (scene) => {
        const base = await scene.image();
        const guest = await scene.started(base.name);
        const reference = `${scene.prefix}-committed:1`;
        const commit = () =>
          scene.engine.commit(guest.id, { reference, config: { env: { COMMITTED: 'yes' } } });
        if (scene.lacks('commit')) return expect(commit()).rejects.toMatchObject(undeclared);
        await scene.write(guest, '/etc/added', 'kept in the image');
        await scene.stage.run(guest, 'rm', '/etc/group');
        const image = await commit();
        expect(await guest.status()).toBe('running');
        expect(image.digest).not.toBe(base.digest);
        expect(image.layers.length).toBeGreaterThan(base.layers.length);
        const made = await scene.started(reference);
        expect(await scene.read(made, '/etc/added')).toBe('kept in the image');
        expect(await scene.read(made, '/etc/motd')).toBe('made for tests\n');
        expect(await scene.read(made, '/etc/group')).toBe('');
        // Into the container it was made of nothing of the new one comes.
        await scene.write(made, '/etc/added', 'other');
        expect(await scene.read(guest, '/etc/added')).toBe('kept in the image');
        await scene.stage.backend.define(scene.spec(reference));
        expect(await scene.engine.leftovers()).toEqual([]);
      });
    },
  );

  verifies(['R-NEW-3', 'R-PRIM-1'], 'a volume is no part of a commit', async () => {
    await play(async (scene) => {
      if (scene.lacks('commit') || scene.lacks('volumes')) return;
      const volume = scene.name();
      await scene.engine.volumes.create(volume);
      const guest = await scene.started((await scene.image()).name, { volumes: [scene.mount(volume)] });
      await scene.write(guest, '/data/secret', 'of the volume');
      const reference = `${scene.prefix}-committed:1`;
      await scene.engine.commit(guest.id, { reference });
      expect(await scene.read(await scene.started(reference), '/data/secret')).toBe('');
    });
  });

  verifies('R-NEW-3', 'a fork of a stopped container has its files, and from then on its own', async () => {
    await play(async (scene) => {
      const { name } = await scene.image();
      const guest = await scene.started(name);
      await scene.write(guest, '/etc/added', 'before');
      const fork = () => scene.engine.fork(guest.id, scene.spec(name));
      if (scene.lacks('fork')) return expect(fork()).rejects.toMatchObject(undeclared);
      await expect(fork()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
      expect(await scene.stage.backend.list()).toHaveLength(1);
      await guest.stop({ graceMs: 500 });
      const forked = await fork();
      expect(await forked.status()).not.toBe('running');
      expect(await scene.engine.leftovers()).toEqual([]);
      await forked.start();
      await guest.start();
      expect(await scene.read(forked, '/etc/added')).toBe('before');
      await scene.write(forked, '/etc/added', 'in the fork');
      expect(await scene.read(guest, '/etc/added')).toBe('before');
      await guest.remove();
      expect(await scene.read(forked, '/etc/added')).toBe('in the fork');
    });
  });

  verifies('R-NEW-3', 'a paused container is forked too, and goes on', async () => {
    await play(async (scene) => {
      if (scene.lacks('fork') || !scene.stage.backend.capabilities.canPause) return;
      const { name } = await scene.image();
      const guest = await scene.started(name);
      await scene.write(guest, '/etc/added', 'before');
      await guest.pause();
      const forked = await scene.engine.fork(guest.id, scene.spec(name));
      await guest.resume();
      await forked.start();
      expect(await scene.read(forked, '/etc/added')).toBe('before');
      expect(await scene.read(guest, '/etc/added')).toBe('before');
    });
  });
}

async function changes(
  scene: EngineScene,
  id: Parameters<EngineScene['engine']['diff']>[0],
): Promise<ChangeRecord[]> {
  const found: ChangeRecord[] = [];
  for await (const change of scene.engine.diff(id)) found.push(change);
  return found;
}
