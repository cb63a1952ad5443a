import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { environmentOf } from '../backend-subject.ts';
import { EngineScene, undeclared, type EngineContractOptions } from './engine-subject.ts';

/** Named volumes of an engine. */
export function volumesContract(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> =>
    EngineScene.play(options, async (scene) => {
      if (!scene.lacks('volumes')) return act(scene);
      const { volumes } = scene.engine;
      await expect(volumes.create(scene.name())).rejects.toMatchObject(undeclared);
    });

  verifies(
    'R-PRIM-4',
    'a volume is created, listed, inspected, removed; a name twice is refused',
    async () => {
      await play(async (scene) => {
        const { volumes } = scene.engine;
        const name = scene.name();
        const made = await volumes.create(name, { labels: { purpose: 'test' } });
        expect(made).toMatchObject({ name, sizeBytes: null, users: [], labels: { purpose: 'test' } });
        await expect(volumes.create(name)).rejects.toMatchObject({ reason: 'volume.exists' });
        expect(await volumes.inspect(name)).toEqual(made);
        expect((await volumes.list()).map((one) => one.name)).toContain(name);
        await volumes.remove(name);
        await expect(volumes.inspect(name)).rejects.toMatchObject({ reason: 'volume.not-found' });
        await expect(volumes.remove(name)).rejects.toMatchObject({ reason: 'volume.not-found' });
      });
    },
  );

  verifies('R-PRIM-4', 'what is in a volume outlives its container and is seen by the next', async () => {
    await play(async (scene) => {
      const { volumes } = scene.engine;
      const [{ name: image }, volume] = [await scene.image(), scene.name()];
      await volumes.create(volume);
      const first = await scene.started(image, { volumes: [scene.mount(volume)] });
      await scene.write(first, '/data/file', 'lasting');
      expect((await volumes.inspect(volume)).users).toEqual([first.id]);
      await expect(volumes.remove(volume)).rejects.toMatchObject({ reason: 'volume.in-use' });
      await first.remove();
      expect((await volumes.inspect(volume)).users).toEqual([]);
      const second = await scene.started(image, { volumes: [scene.mount(volume, '/other/place')] });
      expect(await scene.read(second, '/other/place/file')).toBe('lasting');
    });
  });

  verifies('R-PRIM-4', 'two containers share a volume; for the one it is read-only', async () => {
    await play(async (scene) => {
      const [{ name: image }, volume] = [await scene.image(), scene.name()];
      await scene.engine.volumes.create(volume);
      const writer = await scene.started(image, { volumes: [scene.mount(volume)] });
      const reader = await scene.started(image, { volumes: [scene.mount(volume, '/data', true)] });
      await scene.write(writer, '/data/file', 'one');
      expect(await scene.read(reader, '/data/file')).toBe('one');
      const refused = await scene.write(reader, '/data/file', 'two');
      expect(refused.exit.exitCode).not.toBe(0);
      expect(await scene.read(writer, '/data/file')).toBe('one');
    });
  });

  verifies(
    'R-PRIM-4',
    'a container with a volume that is not there is refused, and nothing is left of it',
    async () => {
      await play(async (scene) => {
        const { name: image } = await scene.image();
        await expect(scene.started(image, { volumes: [scene.mount(scene.name())] })).rejects.toMatchObject({
          reason: 'volume.not-found',
        });
        expect(await scene.stage.backend.list()).toEqual([]);
      });
    },
  );

  verifies('R-PRIM-4', 'a volume comes and goes in a running container, or is refused there', async () => {
    await play(async (scene) => {
      const { volumes } = scene.engine;
      const [{ name: image }, volume] = [await scene.image(), scene.name()];
      await volumes.create(volume);
      const guest = await scene.started(image);
      if (scene.lacks('attachRunning')) {
        await expect(volumes.attach(guest.id, scene.mount(volume))).rejects.toMatchObject(undeclared);
        expect((await volumes.inspect(volume)).users).toEqual([]);
        return;
      }
      await volumes.attach(guest.id, scene.mount(volume));
      await scene.write(guest, '/data/file', 'live');
      expect((await volumes.inspect(volume)).users).toEqual([guest.id]);
      await volumes.detach(guest.id, '/data');
      expect((await volumes.inspect(volume)).users).toEqual([]);
      expect(await scene.read(guest, '/data/file')).toBe('');
      await volumes.attach(guest.id, scene.mount(volume, '/again'));
      expect(await scene.read(guest, '/again/file')).toBe('live');
    });
  });

  verifies('R-PRIM-4', 'a volume that a process works in is not detached', async () => {
    await play(async (scene) => {
      if (scene.lacks('attachRunning')) return;
      const { volumes } = scene.engine;
      const [{ name: image }, volume] = [await scene.image(), scene.name()];
      await volumes.create(volume);
      const guest = await scene.started(image, { volumes: [scene.mount(volume)] });
      const channel = await scene.stage.channel(guest);
      const worker = channel.exec({
        command: 'sleep',
        args: ['60'],
        cwd: '/data',
        env: environmentOf(guest),
      });
      worker.exit.catch(() => undefined);
      const { process } = await worker.started;
      await expect(volumes.detach(guest.id, '/data')).rejects.toMatchObject({ reason: 'volume.in-use' });
      await channel.killProcess(process);
      await worker.exit;
      await volumes.detach(guest.id, '/data');
      expect((await volumes.inspect(volume)).users).toEqual([]);
    });
  });

  verifies('R-PRIM-4', 'a stopped container takes a volume, and has it when it starts', async () => {
    await play(async (scene) => {
      const { volumes } = scene.engine;
      const [{ name: image }, volume] = [await scene.image(), scene.name()];
      await volumes.create(volume);
      const guest = await scene.stage.backend.define(scene.spec(image));
      if (scene.lacks('attach')) {
        await expect(volumes.attach(guest.id, scene.mount(volume))).rejects.toMatchObject(undeclared);
        expect((await volumes.inspect(volume)).users).toEqual([]);
        return;
      }
      await volumes.attach(guest.id, scene.mount(volume));
      expect((await volumes.inspect(volume)).users).toEqual([guest.id]);
      await guest.start();
      await scene.write(guest, '/data/file', 'x');
      expect(await scene.read(guest, '/data/file')).toBe('x');
    });
  });

  verifies('R-PRIM-4', 'a quota holds where the file system has them, and is refused where not', async () => {
    await play(async (scene) => {
      const { volumes } = scene.engine;
      const name = scene.name();
      const made = volumes.create(name, { sizeBytes: 1_048_576 });
      if (!options.hasQuotas) {
        await expect(made).rejects.toMatchObject({ reason: 'limit.unsupported' });
        await expect(volumes.inspect(name)).rejects.toMatchObject({ reason: 'volume.not-found' });
        return;
      }
      expect(await made).toMatchObject({ sizeBytes: 1_048_576 });
      const guest = await scene.started((await scene.image()).name, { volumes: [scene.mount(name)] });
      const filled = await scene.stage.run(
        guest,
        'dd',
        'if=/dev/zero',
        'of=/data/big',
        'bs=1024',
        'count=4096',
      );
      expect(filled.exit.exitCode).not.toBe(0);
      expect((await scene.write(guest, '/tmp/other', 'fits')).exit.exitCode).toBe(0);
    });
  });
}
