import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SovereignRuntime, ContainerPrimitives } from '@sovereign/core';
import { createFakeBackend, emptyImageConfig, eventually, testRootfs, verifies } from '@sovereign/testkit';
import { describe, expect, test } from 'vitest';
import { begun, once, play, playHouse, playIn } from './scene.ts';

/** As the requirements name them. */
const names = {
  lifecycle: [
    'createContainer', 'startContainer', 'stopContainer', 'removeContainer', 'execInContainer', 'restartContainer',
    'pauseContainer', 'unpauseContainer', 'commitContainer', 'copyToContainer', 'copyFromContainer',
  ],
  introspection: ['listContainers', 'getContainerStatus', 'getContainerLogs', 'getSystemMetrics'],
  networks: [
    'createNetwork', 'removeNetwork', 'connectToNetwork', 'disconnectFromNetwork', 'exposePort', 'bindPort',
    'getNetworkTopology', 'getContainerNetworkInfo', 'establishConnection', 'severConnection',
  ],
  resources: [
    'setResourceLimits', 'getResourceUsage', 'createVolume', 'removeVolume', 'attachVolume', 'detachVolume',
  ],
  images: ['pullImage', 'buildImage', 'listImages', 'removeImage', 'inspectImage'],
} as const; // prettier-ignore

test('there are thirty-six primitives under the names that agents know', () => {
  const all = Object.values(names).flat();
  expect(all).toHaveLength(36);
  const methods = Object.getOwnPropertyNames(ContainerPrimitives.prototype).filter(
    (name) => name !== 'constructor',
  );
  expect(methods.toSorted()).toEqual(all.toSorted());
});

describe('lifecycle', () => {
  verifies('R-PRIM-1', 'creating does not start; each step is an action with an outcome', async () => {
    await play(async ({ runtime, image, records }) => {
      const { containers } = runtime;
      const made = await containers.createContainer({ image, name: 'db', labels: { role: 'database' } });
      expect(made).toMatchObject({
        name: 'db',
        state: 'created',
        backend: 'fake',
        tier: 'container',
        image: { kind: 'reference', reference: image },
        strategy: 'service',
        labels: { role: 'database' },
      });
      await containers.startContainer('db');
      expect(await containers.getContainerStatus('db')).toMatchObject({ id: made.id, state: 'running' });
      const result = await containers.execInContainer('db', { command: 'cat', args: ['/etc/motd'] });
      expect(result.stdoutText).toBe('made for tests\n');
      await containers.pauseContainer('db');
      expect(await containers.getContainerStatus('db')).toMatchObject({ state: 'paused' });
      await containers.unpauseContainer('db');
      await containers.stopContainer('db', { graceMs: 0 });
      expect(await containers.getContainerStatus('db')).toMatchObject({ state: 'stopped' });
      await containers.restartContainer('db');
      await containers.removeContainer('db');
      expect(await containers.listContainers()).toEqual({ containers: [], problems: [] });
      const found = await records();
      expect(begun(found)).toEqual([
        'sandbox.create',
        'sandbox.start',
        'sandbox.status',
        'exec.start',
        'sandbox.pause',
        'sandbox.status',
        'sandbox.resume',
        'sandbox.stop',
        'sandbox.status',
        'sandbox.restart',
        'sandbox.start',
        'sandbox.remove',
      ]);
      expect(found.filter(({ kind }) => kind === 'outcome')).toHaveLength(12);
    });
  });

  verifies('R-PRIM-1', 'autoStart is the caller’s to ask for', async () => {
    await play(async ({ runtime, image }) => {
      const made = await runtime.containers.createContainer({ image, autoStart: true });
      expect(made.state).toBe('running');
    });
  });

  verifies('R-PRIM-1', 'restart stops what runs and starts what does not', async () => {
    await play(async ({ runtime, image, guests }) => {
      const { containers } = runtime;
      const { id } = await containers.createContainer({ image, autoStart: true });
      await runtime
        .attach(id)
        .then((handle) => handle.spawn({ command: 'sleep', args: ['60'], isDetached: true }));
      await containers.restartContainer(id, { graceMs: 0 });
      expect(guests.get(id)?.machine.running).toEqual([]);
      await containers.stopContainer(id);
      await containers.restartContainer(id);
      expect(await containers.getContainerStatus(id)).toMatchObject({ state: 'running' });
    });
  });

  verifies(['R-PRIM-1', 'R-NEW-3'], 'a commit is an image that containers are made of', async () => {
    await play(async ({ runtime, image }) => {
      const { containers } = runtime;
      const { id } = await containers.createContainer({ image, autoStart: true });
      await containers.execInContainer(id, { command: 'tee', args: ['/etc/added'], stdin: 'kept' });
      await containers.commitContainer(id, { reference: 'app:2' });
      const again = await containers.createContainer({ image: 'app:2', autoStart: true });
      const { stdoutText } = await containers.execInContainer(again.id, {
        command: 'cat',
        args: ['/etc/added'],
      });
      expect(stdoutText).toBe('kept');
      expect((await containers.listImages()).map(({ references }) => references.join())).toEqual([
        'docker.io/library/app:1',
        'docker.io/library/app:2',
      ]);
    });
  });

  verifies('R-NEW-3', 'a fork takes over what the original was asked for, but its name', async () => {
    await play(async ({ runtime, image }) => {
      const { lifecycle } = runtime.containers;
      const original = await lifecycle.create({
        image,
        name: 'one',
        autoStart: true,
        env: { A: 'b' },
        labels: { x: 'y' },
        limits: { pids: 64 },
      });
      await lifecycle.exec(original.id, { command: 'tee', args: ['/etc/added'], stdin: 'before' });
      await expect(lifecycle.fork('one')).rejects.toMatchObject({ reason: 'sandbox.not-running' });
      await lifecycle.pause('one');
      await expect(lifecycle.fork('one', { name: 'one' })).rejects.toMatchObject({
        reason: 'sandbox.exists',
      });
      const fork = await lifecycle.fork('one', { name: 'two' });
      expect(fork).toMatchObject({ name: 'two', state: 'created', labels: { x: 'y' } });
      expect(await runtime.containers.getContainerStatus('two')).toMatchObject({
        envNames: ['A'],
        limits: { pids: 64 },
      });
      await lifecycle.start('two');
      const { stdoutText } = await lifecycle.exec('two', { command: 'cat', args: ['/etc/added'] });
      expect(stdoutText).toBe('before');
    });
  });

  verifies(
    'R-PRIM-1',
    'copies go both ways through a running container; of a stopped one it says what to do',
    async () => {
      await play(async ({ runtime, image, root }) => {
        const { containers } = runtime;
        const { id } = await containers.createContainer({ image, autoStart: true });
        await mkdir(join(root, 'in/deep'), { recursive: true });
        await writeFile(join(root, 'in/deep/file'), 'content');
        const put = await containers.copyToContainer(id, { from: join(root, 'in'), to: '/tmp/in' });
        expect(put).toMatchObject({ files: 1, directories: 2, bytes: 7, skippedCount: 0 });
        const got = await containers.copyFromContainer(id, { from: '/tmp/in', to: join(root, 'out') });
        expect(got).toMatchObject({ files: 1, bytes: 7 });
        expect(await readFile(join(root, 'out/deep/file'), 'utf8')).toBe('content');
        await expect(
          containers.copyToContainer(id, { from: join(root, 'none'), to: '/tmp' }),
        ).rejects.toMatchObject({
          reason: 'file.not-found',
          message: expect.stringContaining('On this host'),
        });
        await expect(containers.copyToContainer(id, { from: 'relative', to: '/tmp' })).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
        await containers.stopContainer(id);
        await expect(
          containers.copyFromContainer(id, { from: '/tmp/in', to: join(root, 'later') }),
        ).rejects.toMatchObject({
          reason: 'sandbox.not-running',
          hint: expect.stringContaining('Start it first'),
        });
      });
    },
  );
});

describe('introspection', () => {
  verifies('R-PRIM-2', 'status is that of the live guest, also after a crash', async () => {
    await play(async ({ runtime, image, guests }) => {
      const { containers } = runtime;
      const { id } = await containers.createContainer({ image, autoStart: true });
      guests.get(id)?.crash();
      expect(await containers.getContainerStatus(id)).toMatchObject({
        state: 'broken',
        problem: expect.stringContaining('crashed'),
      });
    });
  });

  verifies(
    'R-PRIM-2',
    'logs are what is retained of ended processes; one that runs is read when it is named',
    async () => {
      await play(async ({ runtime, image }) => {
        const { containers } = runtime;
        const { id } = await containers.createContainer({ image, autoStart: true });
        const handle = await runtime.attach(id);
        await handle.exec({ command: 'sh', args: ['-c', 'echo out; echo err >&2'] });
        const server = await handle.spawn({
          command: 'sh',
          args: ['-c', 'echo up; sleep 60'],
          isDetached: true,
        });
        await eventually('it has printed', async () =>
          (await handle.processes()).some(
            ({ process, stdoutBytes }) => process === server.process && stdoutBytes > 0,
          ),
        );
        const logs = await containers.getContainerLogs(id);
        const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
        expect(logs).toMatchObject([
          { isRead: true, isRunning: false },
          { isRead: false, isRunning: true, process: server.process },
        ]);
        expect([text(logs[0]?.stdout), text(logs[0]?.stderr)]).toEqual(['out\n', 'err\n']);
        const [named] = await containers.getContainerLogs(id, { process: server.process });
        expect(text(named?.stdout)).toBe('up\n');
        const [tail] = await containers.getContainerLogs(id, { process: 1, tailBytes: 2 });
        expect(text(tail?.stdout)).toBe('t\n');
        await expect(containers.getContainerLogs(id, { process: 99 })).rejects.toMatchObject({
          reason: 'process.not-found',
        });
        expect((await handle.processes()).find(({ process }) => process === server.process)?.isRunning).toBe(
          true,
        );
      });
    },
  );

  verifies(
    ['R-PRIM-2', 'R-PRIM-4'],
    'metrics hold the host and every container, measured where it runs',
    async () => {
      await play(async ({ runtime, image }) => {
        const { containers } = runtime;
        const one = await containers.createContainer({ image, autoStart: true });
        const two = await containers.createContainer({ image });
        const metrics = await containers.getSystemMetrics();
        expect(metrics.host.cpus).toBeGreaterThan(0);
        expect(metrics.host.memoryTotalBytes).toBeGreaterThan(metrics.host.memoryAvailableBytes);
        const usage = new Map(metrics.containers.map((container) => [container.id, container.usage]));
        expect(usage.get(one.id)).toEqual(await containers.getResourceUsage(one.id));
        expect(usage.get(two.id)).toBeNull();
        expect(metrics.total.pids).toBe(usage.get(one.id)?.pids);
        await expect(containers.getResourceUsage(two.id)).rejects.toMatchObject({
          reason: 'sandbox.not-running',
        });
      });
    },
  );

  verifies('R-PRIM-4', 'limits are changed while it runs', async () => {
    await play(async ({ runtime, image }) => {
      const { containers } = runtime;
      const { id } = await containers.createContainer({ image, autoStart: true });
      await containers.setResourceLimits(id, { pids: 99 });
      expect(await containers.getContainerStatus(id)).toMatchObject({ limits: { pids: 99 } });
    });
  });

  verifies('R-NEW-8', 'a diff is an action, whose outcome counts the changes', async () => {
    await play(async ({ runtime, image, records }) => {
      const { containers } = runtime;
      const { id } = await containers.createContainer({ image, autoStart: true });
      await containers.execInContainer(id, { command: 'touch', args: ['/etc/a', '/etc/b'] });
      const paths: string[] = [];
      for await (const { path } of containers.introspection.diff(id)) paths.push(path);
      expect(paths).toEqual(['/etc/a', '/etc/b']);
      const outcome = (await records()).at(-1);
      expect(outcome?.members['outcome']).toMatchObject({ ok: true, facts: { changes: 2 } });
    });
  });
});

describe('images, volumes and networks', () => {
  verifies('R-PRIM-5', 'an image is pulled when a create asks for it, and not otherwise', async () => {
    await playHouse(async (house) => {
      const layers = [testRootfs({ hasBusybox: false })];
      house.registry.set('registry.test/app:1', {
        references: [],
        config: { ...emptyImageConfig, labels: { from: 'the registry' } },
        layers,
        createdMs: 0,
      });
      await playIn(house, async ({ runtime, records }) => {
        const { containers } = runtime;
        const image = 'registry.test/app:1';
        await expect(containers.createContainer({ image })).rejects.toMatchObject({
          reason: 'image.not-found',
        });
        const steps: string[] = [];
        await containers.createContainer({ image, pull: 'missing', onPull: ({ kind }) => steps.push(kind) });
        expect(steps).toContain('done');
        await containers.createContainer({ image, pull: 'missing' });
        expect(begun(await records()).filter((kind) => kind === 'image.pull')).toHaveLength(1);
        await containers.createContainer({ image, pull: 'always' });
        expect(begun(await records()).filter((kind) => kind === 'image.pull')).toHaveLength(2);
        await expect(containers.removeImage(image)).rejects.toMatchObject({ reason: 'image.in-use' });
      });
    });
  });

  verifies('R-PRIM-5', 'archives are read of a path or a stream, and saved as one', async () => {
    await play(async ({ runtime, image, root }) => {
      const { images } = runtime.containers;
      const pieces: Uint8Array[] = [];
      for await (const piece of images.save([image], { path: join(root, 'app.tar') })) pieces.push(piece);
      await writeFile(join(root, 'app.tar'), Buffer.concat(pieces));
      await images.tag(image, 'kept:1');
      await images.remove(image);
      expect(await images.load(join(root, 'app.tar'))).toHaveLength(1);
      await images.remove(image);
      expect(await images.load(once(Buffer.concat(pieces)))).toHaveLength(1);
      await expect(images.load('relative.tar')).rejects.toMatchObject({ reason: 'argument.invalid' });
      await expect(images.load(join(root, 'none.tar'))).rejects.toMatchObject({ reason: 'argument.invalid' });
    });
  });

  verifies('R-PRIM-4', 'volumes by name: created, attached, detached, removed', async () => {
    await play(async ({ runtime, image }) => {
      const { containers } = runtime;
      await containers.createVolume('data');
      const { id } = await containers.createContainer({ image, name: 'db', autoStart: true });
      await containers.attachVolume('db', { volume: 'data', path: '/var/data' });
      await containers.execInContainer('db', { command: 'tee', args: ['/var/data/x'], stdin: 'kept' });
      expect(await containers.volumes.inspect('data')).toMatchObject({ users: [id] });
      await expect(containers.removeVolume('data')).rejects.toMatchObject({ reason: 'volume.in-use' });
      await containers.detachVolume('db', '/var/data');
      await containers.removeVolume('data');
      await expect(containers.attachVolume('db', { volume: 'data', path: 'relative' })).rejects.toMatchObject(
        {
          reason: 'argument.invalid',
        },
      );
    });
  });

  verifies('R-PRIM-3', 'a container tells which networks it is on', async () => {
    await play(async ({ runtime, image }) => {
      const { containers } = runtime;
      const { subnet } = await containers.createNetwork('backend', { subnet: '10.77.0.0/24' });
      expect(subnet).toBe('10.77.0.0/24');
      const { id } = await containers.createContainer({ image, name: 'db' });
      const member = await containers.connectToNetwork('db', 'backend', { aliases: ['database'] });
      expect(await containers.getContainerNetworkInfo('db')).toEqual({
        container: id,
        networks: [
          {
            network: 'backend',
            subnet,
            gateway: '10.77.0.1',
            address: member.address,
            names: ['db', 'database'],
          },
        ],
        links: [],
        ports: [],
      });
      await containers.disconnectFromNetwork('db', 'backend');
      await containers.removeNetwork('backend');
      for (const bad of ['10.0.0.0', '10.0.0.0/99', '10.0.0.0/24/1', 'fd00::/64', 'x'])
        await expect(containers.createNetwork('bad', { subnet: bad })).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
    });
  });

  test('without a broker of connections its primitives are refused', async () => {
    await play(async ({ runtime }) => {
      const { containers } = runtime;
      for (const name of ['a', 'b']) await containers.createContainer({ name, autoStart: true });
      const calls = [
        () => containers.exposePort('a', 1),
        () => containers.bindPort('a', { port: 1 }),
        () => containers.getNetworkTopology(),
        () => containers.establishConnection('a', 'b', 1),
        () => containers.severConnection('a', 'b', 1),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ reason: 'capability.missing' });
    });
  });
});

describe('which engine', () => {
  verifies(
    'R-PRIM-5',
    'a backend without an engine is passed over; asked for by name it is refused',
    async () => {
      const plain = createFakeBackend();
      await play(
        async ({ runtime }) => {
          expect(await runtime.containers.listImages()).toHaveLength(1);
          await expect(runtime.containers.listImages({ engine: 'process' })).rejects.toMatchObject({
            reason: 'tier.unavailable',
            message: expect.stringContaining('no container engine'),
          });
        },
        { others: [plain] },
      );
    },
  );

  verifies('R-PRIM-5', 'an engine that cannot run here is not taken, and says why', async () => {
    await play(async ({ runtime, backend }) => {
      backend.failures.probe = { reason: 'its daemon is not there', hint: 'Start it.' };
      await expect(runtime.containers.listImages()).rejects.toMatchObject({
        reason: 'tier.none-available',
        message: expect.stringContaining('its daemon is not there'),
      });
    });
  });

  verifies('R-PRIM-6', 'a container of a backend without an engine has no commit', async () => {
    await play(async ({ root }) => {
      const { FileLedger } = await import('@sovereign/core');
      const { connectGuestChannel } = await import('@sovereign/guest');
      const runtime = new SovereignRuntime({
        backends: [createFakeBackend()],
        ledger: new FileLedger({ directory: join(root, 'other') }),
        actor: { via: 'test', user: 'tester' },
        openChannel: (stream) => connectGuestChannel(stream),
      });
      const handle = await runtime.create();
      await expect(runtime.containers.commitContainer(handle.id, { reference: 'x:1' })).rejects.toMatchObject(
        { reason: 'capability.missing' },
      );
      await runtime.close();
    });
  });
});
