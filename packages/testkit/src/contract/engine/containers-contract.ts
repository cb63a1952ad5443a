import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { expectNothingLeft, leakSnapshot } from '../leak-snapshot.ts';
import { EngineScene, type EngineContractOptions } from './engine-subject.ts';

/** Containers of an image: what a backend does with a reference, from creation to removal. */
export function containersContract(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> => EngineScene.play(options, act);

  verifies('R-PRIM-1', 'a container of an image has its files and its environment', async () => {
    await play(async (scene) => {
      const { name } = await scene.image();
      const guest = await scene.started(name);
      expect(await scene.read(guest, '/etc/motd')).toBe('made for tests\n');
      expect(await scene.run(guest, 'sh', '-c', 'echo $FROM_IMAGE')).toBe('yes\n');
    });
  });

  verifies('R-PRIM-1', 'two containers of one image do not see each other’s files', async () => {
    await play(async (scene) => {
      const { name } = await scene.image();
      const [one, two] = [await scene.started(name), await scene.started(name)];
      await scene.write(one, '/etc/motd', 'mine\n');
      expect(await scene.read(two, '/etc/motd')).toBe('made for tests\n');
      expect(await scene.read(one, '/etc/motd')).toBe('mine\n');
    });
  });

  verifies(
    'R-PRIM-1',
    'create, start, stop, start again, pause, unpause, remove; what was written stays until then',
    async () => {
      await play(async (scene) => {
        const { backend } = scene.stage;
        const { name } = await scene.image();
        const guest = await backend.define(scene.spec(name));
        expect(await guest.status()).toBe('created');
        await guest.start();
        await scene.write(guest, '/kept', 'kept');
        await guest.stop({ graceMs: 500 });
        expect(await guest.status()).toBe('stopped');
        await guest.start();
        expect(await scene.read(guest, '/kept')).toBe('kept');
        if (backend.capabilities.canPause) {
          await guest.pause();
          expect(await guest.status()).toBe('paused');
          await guest.resume();
        }
        expect(await guest.status()).toBe('running');
        await guest.remove();
        expect(await backend.list()).toEqual([]);
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'an image that is not there: image.not-found, and nothing is left of the create',
    async () => {
      await play(async (scene) => {
        const { backend } = scene.stage;
        const missing = `${scene.name()}:none`;
        for (const make of [backend.create.bind(backend), backend.define.bind(backend)])
          await expect(make(scene.spec(missing))).rejects.toMatchObject({ reason: 'image.not-found' });
        expect(await backend.list()).toEqual([]);
      });
    },
  );

  verifies(
    'R-PRIM-1',
    'a name that is taken is refused, and the one that has it is untouched',
    async (context) => {
      if (options.hasUniqueNames === false)
        context.skip('names are kept unique by the runtime above this backend');
      await play(async (scene) => {
        const { backend } = scene.stage;
        const { name } = await scene.image();
        const first = await scene.started(name, { name: scene.prefix });
        await expect(scene.started(name, { name: scene.prefix })).rejects.toMatchObject({
          reason: 'sandbox.exists',
        });
        expect(await backend.list()).toMatchObject([{ id: first.id, state: 'running' }]);
      });
    },
  );

  verifies('R-PRIM-7', 'a container of an image leaves nothing', { timeoutMs: 60_000 }, async () => {
    await play(async (scene) => {
      const { name } = await scene.image();
      // What is made once for an image, or for the engine, is made first.
      await (await scene.started(name)).remove();
      const before = await leakSnapshot(scene.stage.scope);
      const guest = await scene.started(name);
      await scene.write(guest, '/new', 'new');
      await guest.remove();
      await expectNothingLeft(before, scene.stage.scope, 5_000);
    });
  });
}
