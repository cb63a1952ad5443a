import { expect } from 'vitest';
import type { SandboxId } from '@sovereign/core';
import { verifies } from '../../requirements/verifies.ts';
import { environmentOf } from '../backend-subject.ts';
import { eventually } from '../eventually.ts';
import { EngineScene, undeclared, type EngineContractOptions } from './engine-subject.ts';

/** Bridge networks of an engine. */
export function networksContract(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> =>
    EngineScene.play(options, async (scene) => {
      if (!scene.lacks('networks')) return act(scene);
      await expect(scene.engine.networks.create(scene.name())).rejects.toMatchObject(undeclared);
    });

  verifies('R-PRIM-3', 'a network is created, listed, removed; a name twice is refused', async () => {
    await play(async (scene) => {
      const { networks } = scene.engine;
      const name = scene.name();
      const made = await networks.create(name);
      expect(made.subnet).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+$/);
      expect(made).toMatchObject({ name, members: [] });
      await expect(networks.create(name)).rejects.toMatchObject({ reason: 'network.exists' });
      expect((await networks.list()).map((one) => one.name)).toContain(name);
      await networks.remove(name);
      expect((await networks.list()).map((one) => one.name)).not.toContain(name);
      await expect(networks.remove(name)).rejects.toMatchObject({ reason: 'network.not-found' });
    });
  });

  verifies('R-PRIM-3', 'two networks have two subnets; one that is taken is refused', async () => {
    await play(async (scene) => {
      const { networks } = scene.engine;
      const [one, two] = [await networks.create(scene.name()), await networks.create(scene.name())];
      expect(one.subnet).not.toBe(two.subnet);
      await expect(networks.create(scene.name(), { subnet: one.subnet })).rejects.toMatchObject({
        reason: 'network.conflict',
      });
    });
  });

  verifies(
    'R-PRIM-3',
    'a container joins under its name and leaves; a network with members stays',
    async () => {
      await play(async (scene) => {
        const { networks } = scene.engine;
        const [{ name: image }, network] = [await scene.image(), scene.name()];
        const { subnet } = await networks.create(network);
        const guest = await scene.started(image, { name: `${scene.prefix}-db` });
        if (await cannotConnect(scene, network, guest.id)) return;
        const member = await networks.connect(network, guest.id, { aliases: ['database'] });
        expect(member).toMatchObject({ sandbox: guest.id });
        expect(member.address.split('.').slice(0, 2)).toEqual(subnet.split('.').slice(0, 2));
        expect(member.names).toEqual(expect.arrayContaining([`${scene.prefix}-db`, 'database']));
        await expect(networks.connect(network, guest.id)).rejects.toMatchObject({ reason: 'network.exists' });
        await expect(networks.remove(network)).rejects.toMatchObject({ reason: 'network.in-use' });
        expect((await networks.list()).find(({ name }) => name === network)?.members).toEqual([member]);
        await networks.disconnect(network, guest.id);
        await expect(networks.disconnect(network, guest.id)).rejects.toMatchObject({
          reason: 'network.not-found',
        });
        await networks.remove(network);
      });
    },
  );

  verifies('R-PRIM-3', 'what is not there is refused', async () => {
    await play(async (scene) => {
      const { name: image } = await scene.image();
      const guest = await scene.started(image);
      await expect(scene.engine.networks.connect(scene.name(), guest.id)).rejects.toMatchObject({
        reason: 'network.not-found',
      });
    });
  });

  verifies('R-PRIM-3', 'a removed container is a member no more', async () => {
    await play(async (scene) => {
      const { networks } = scene.engine;
      const [{ name: image }, network] = [await scene.image(), scene.name()];
      await networks.create(network);
      const guest = await scene.started(image);
      if (await cannotConnect(scene, network, guest.id)) return;
      await networks.connect(network, guest.id);
      await guest.remove();
      expect((await networks.list()).find(({ name }) => name === network)?.members).toEqual([]);
      await networks.remove(network);
    });
  });

  verifies(
    'R-PRIM-3',
    'members reach each other by name; whoever is not on the network reaches nobody',
    { timeoutMs: 60_000 },
    async (context) => {
      if (!options.hasKernel) context.skip('no packet moves in the fake');
      await play(async (scene) => {
        const { networks } = scene.engine;
        const [{ name: image }, network] = [await scene.image(), scene.name()];
        await networks.create(network);
        const db = await scene.started(image, { name: `${scene.prefix}-db` });
        if (await cannotConnect(scene, network, db.id)) return;
        const [web, stranger] = [await scene.started(image), await scene.started(image)];
        const { address } = await networks.connect(network, db.id);
        await networks.connect(network, web.id);
        const channel = await scene.stage.channel(db);
        const server = channel.exec({
          command: 'sh',
          args: ['-c', 'while :; do echo answer | nc -l -p 5432; done'],
          cwd: '/',
          env: environmentOf(db),
          isDetached: true,
        });
        server.exit.catch(() => undefined);
        await server.started;
        const ask = (name: string): readonly [string, string] => ['-c', `nc -w 2 ${name} 5432 </dev/null`];
        await eventually('web reaches db by its name', async () =>
          (await scene.run(web, 'sh', ...ask(`${scene.prefix}-db`))).includes('answer'),
        );
        expect(await scene.run(stranger, 'sh', ...ask(address))).toBe('');
        await networks.disconnect(network, web.id);
        expect(await scene.run(web, 'sh', ...ask(address))).toBe('');
      });
    },
  );
}

/** Whether this engine connects no container that was made without a network; then it has said so, and changed nothing. */
async function cannotConnect(
  { engine, options }: EngineScene,
  network: string,
  guest: SandboxId,
): Promise<boolean> {
  if (options.connectsLater !== false) return false;
  await expect(engine.networks.connect(network, guest)).rejects.toMatchObject(undeclared);
  expect((await engine.networks.list()).find(({ name }) => name === network)?.members).toEqual([]);
  return true;
}
