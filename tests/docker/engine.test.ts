import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerEngine, ImageRecord } from '@sovereign/core';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { startEngine } from '../support/engines.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';
import { playOn, type EngineScene } from './scene.ts';

const reference = 'team/busybox:1';
const image = { kind: 'reference', reference } as const;

for (const name of ['docker', 'podman'] as const) {
  const engine = await startEngine(name);

  /** A scene with one image, and the engine half of the backend. */
  const play = (act: (scene: EngineScene, engine: ContainerEngine) => Promise<void>): Promise<void> =>
    playOn(engine, {}, async (scene) => {
      const offered = scene.backend.engine;
      if (offered === undefined) throw new Error('a container backend has an engine');
      await offered.images.import(pieces(busyboxRoot()), {
        reference,
        config: { env: { GREETING: 'good $day "x"' }, command: ['sh'] },
      });
      await act(scene, offered);
    });

  tierTest(name, engine.absence, () => {
    verifies(
      ['R-TIER-2', 'R-PRIM-5'],
      'an image is imported, named, saved, removed, loaded, run',
      async () => {
        await play(async ({ create, sh }, { images }) => {
          const tagged = await images.tag(reference, 'team/busybox:2');
          expect(tagged.references).toContain('docker.io/team/busybox:2');
          expect(tagged.config).toMatchObject({ command: ['sh'], env: { GREETING: 'good $day "x"' } });
          const saved: Uint8Array[] = [];
          for await (const chunk of images.save(['team/busybox:2'])) saved.push(chunk);
          for (const one of [reference, 'team/busybox:2']) await images.remove(one);
          await expect(images.inspect(reference)).rejects.toMatchObject({ reason: 'image.not-found' });
          const [loaded] = await images.load(pieces(Buffer.concat(saved)));
          expect(loaded?.id).toBe(tagged.id);
          const guest = await create({ image: { kind: 'reference', reference: 'team/busybox:2' } });
          expect(await sh(guest, 'echo "$GREETING"')).toBe('good $day "x"\n');
          await expect(images.remove('team/busybox:2')).rejects.toMatchObject({ reason: 'image.in-use' });
        });
      },
    );

    verifies(
      'R-TIER-2',
      'archives that are none, and names that nobody has, have their reasons',
      async () => {
        await play(async ({ create }, { images }) => {
          const junk = Buffer.alloc(8_192, 'junk');
          await expect(images.load(pieces(junk))).rejects.toMatchObject({ reason: 'image.invalid' });
          await expect(images.import(pieces(junk), { reference: 'x:1' })).rejects.toMatchObject({
            reason: 'image.invalid',
          });
          await expect(images.pull('127.0.0.1:1/x:1')).rejects.toMatchObject({ reason: 'image.pull-failed' });
          await expect(create({ image: { kind: 'reference', reference: 'x:1' } })).rejects.toMatchObject({
            reason: 'image.not-found',
          });
          await expect(images.tag(reference, 'UPPER:1')).rejects.toMatchObject({ reason: 'image.invalid' });
          expect((await images.list()).flatMap((one: ImageRecord) => one.references)).not.toContain(
            'docker.io/library/x:1',
          );
        });
      },
    );

    verifies(
      'R-PRIM-5',
      'a Dockerfile is built; one that fails says at which step, and nothing is listed',
      async () => {
        await play(async ({ directory, create, sh }, { images }) => {
          const contextPath = await directory('context');
          mkdirSync(join(contextPath, 'left-out'));
          writeFileSync(join(contextPath, 'left-out', 'secret'), 'secret');
          writeFileSync(join(contextPath, 'file'), 'content');
          writeFileSync(join(contextPath, '.dockerignore'), 'left-out\n');
          writeFileSync(
            join(contextPath, 'Dockerfile'),
            `FROM ${reference}\nARG WHO\nCOPY . /copied\nENV WHO=$WHO\n`,
          );
          writeFileSync(join(contextPath, 'Bad'), `FROM ${reference}\nCOPY nothing-there /x\n`);
          await images.build({ contextPath, reference: 'team/built:1', buildArgs: { WHO: 'me' } });
          const guest = await create({ image: { kind: 'reference', reference: 'team/built:1' } });
          expect(await sh(guest, 'ls /copied; cat /copied/file; echo $WHO')).toContain('file\ncontentme\n');
          expect(await sh(guest, 'ls /copied')).not.toContain('left-out');
          const failing = images.build({ contextPath, dockerfile: 'Bad', reference: 'team/bad:1' });
          await expect(failing).rejects.toMatchObject({
            reason: 'image.build-failed',
            message: expect.stringMatching(/step 2\/2/i) as unknown,
          });
          expect((await images.list()).flatMap((one) => one.references)).not.toContain(
            'docker.io/team/bad:1',
          );
        });
      },
    );

    verifies(
      'R-PRIM-4',
      'a volume outlives its sandboxes, is shared by two, and is in use meanwhile',
      async () => {
        await play(async ({ create, sh, backend }, { volumes }) => {
          await volumes.create('data', { labels: { purpose: 'test' } });
          await expect(volumes.create('data')).rejects.toMatchObject({ reason: 'volume.exists' });
          await expect(volumes.create('small', { sizeBytes: 1 })).rejects.toMatchObject({
            reason: 'limit.unsupported',
          });
          const mount = { volume: 'data', guestPath: '/data' };
          const first = await create({ image, volumes: [mount] });
          await sh(first, 'echo kept > /data/file');
          const second = await create({ image, volumes: [{ ...mount, isReadOnly: true }] });
          expect(await sh(second, 'cat /data/file; touch /data/x 2>/dev/null || echo refused')).toBe(
            'kept\nrefused\n',
          );
          expect((await volumes.inspect('data')).users.toSorted()).toEqual([first.id, second.id].toSorted());
          await expect(volumes.remove('data')).rejects.toMatchObject({ reason: 'volume.in-use' });
          await expect(create({ volumes: [{ ...mount, volume: 'none' }] })).rejects.toMatchObject({
            reason: 'volume.not-found',
          });
          await first.remove();
          await second.remove();
          expect(await volumes.list()).toMatchObject([
            { name: 'data', labels: { purpose: 'test' }, users: [] },
          ]);
          await volumes.remove('data');
          await expect(volumes.inspect('data')).rejects.toMatchObject({ reason: 'volume.not-found' });
          expect(await backend.list()).toEqual([]);
        });
      },
    );

    verifies(
      'R-NEW-3',
      'commit, fork and diff see what was changed; a commit says nothing of its sandbox',
      async () => {
        await play(async ({ create, sh, backend }, container) => {
          const guest = await create({ image, env: { SECRET: 'do-not-tell' } });
          await sh(guest, 'echo x > /bin/added; rm /bin/ping');
          const changes: string[] = [];
          for await (const { kind, path } of container.diff(guest.id)) changes.push(`${kind} ${path}`);
          // Podman adds accounts to an image without any.
          expect(changes.filter((change) => !change.includes(' /etc'))).toEqual(
            expect.arrayContaining(['added /bin/added', 'removed /bin/ping']),
          );
          expect(changes.join('\n')).not.toContain('/run');
          const committed = await container.commit(guest.id, {
            reference: 'team/committed:1',
            config: { command: ['true'] },
          });
          expect(JSON.stringify(committed)).not.toContain('do-not-tell');
          expect(committed.config).toMatchObject({ command: ['true'], entrypoint: [] });
          await expect(container.fork(guest.id, sandboxSpecForTest({ image }))).rejects.toMatchObject({
            reason: 'sandbox.not-running',
          });
          await guest.pause();
          const fork = await container.fork(guest.id, sandboxSpecForTest({ image }));
          expect(await fork.status()).toBe('created');
          await fork.start();
          expect(await sh(fork, 'cat /bin/added; ls /bin/ping 2>/dev/null; echo mine > /bin/added')).toBe(
            'x\n',
          );
          await guest.resume();
          expect(await sh(guest, 'cat /bin/added')).toBe('x\n');
          const attached = await backend.attach(fork.id);
          await attached.remove();
          await container.images.remove('team/committed:1');
          expect(await container.leftovers()).toEqual([]);
        });
      },
    );

    verifies('R-PRIM-2', 'events tell what happens to our sandboxes, in order', async () => {
      await play(async ({ create }, container) => {
        const abort = new AbortController();
        const seen: string[] = [];
        const events = container.events(abort.signal);
        const following = (async () => {
          for await (const { kind, subject } of events) {
            if (subject.startsWith('sbx_')) seen.push(kind);
            if (kind === 'removed') abort.abort();
          }
        })();
        const guest = await create({ image });
        await guest.pause();
        await guest.resume();
        await guest.remove();
        await following;
        // The stream may open while the first of them happens already.
        expect(seen.filter((kind) => kind !== 'created' && kind !== 'started')).toEqual([
          'paused',
          'resumed',
          'died',
          'removed',
        ]);
      });
    });

    verifies(
      'R-PRIM-3',
      'sandboxes on one network reach each other by name, others do not',
      async (context) => {
        if (name === 'podman') context.skip('Podman connects only containers that were made with a network');
        await play(async ({ create, sh }, { networks }) => {
          const made = await networks.create('back', { subnet: '10.77.9.0/24' });
          expect(made).toMatchObject({ name: 'back', subnet: '10.77.9.0/24', members: [] });
          await expect(networks.create('back')).rejects.toMatchObject({ reason: 'network.exists' });
          await expect(networks.create('too', { subnet: '10.77.9.0/24' })).rejects.toMatchObject({
            reason: 'network.conflict',
          });
          const [web, db, other] = [
            await create({ image }),
            await create({ image }),
            await create({ image }),
          ];
          const { address } = await networks.connect('back', db.id, { aliases: ['db'] });
          await networks.connect('back', web.id);
          await expect(networks.connect('back', web.id)).rejects.toMatchObject({ reason: 'network.exists' });
          // Pings need a capability that no sandbox has: a connection that is refused has arrived, too.
          const knock = (host: string): string =>
            `busybox nc -w 2 ${host} 9 < /dev/null 2>&1 || busybox nslookup ${host} 2>&1`;
          expect(await sh(web, knock('db'))).toContain(address);
          expect(await sh(other, knock('db'))).not.toContain(address);
          expect((await networks.list())[0]?.members).toHaveLength(2);
          await expect(networks.remove('back')).rejects.toMatchObject({ reason: 'network.in-use' });
          await networks.disconnect('back', db.id);
          await networks.disconnect('back', web.id);
          await networks.remove('back');
          await expect(networks.remove('back')).rejects.toMatchObject({ reason: 'network.not-found' });
        });
      },
    );
  });
}
