import { existsSync, readdirSync, statSync } from 'node:fs';
import { eventually, skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { absenceOfFake, FirecrackerScene } from './scene.ts';

/** Against the published API acted out, with a real shelld behind its vsock; no Firecracker and no KVM is run. */
tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = FirecrackerScene;

  verifies(
    'R-TIER-4',
    'a machine boots by the published API, in the legal order, without a network card',
    async () => {
      await play(async (scene) => {
        const guest = await scene.create(scene.backend(), {
          limits: { memoryBytes: 256 * 1024 ** 2, cpus: 1.5 },
        });
        expect(await scene.log('refused')).toEqual([]);
        const requests = (await scene.log('request')).filter(({ method }) => method !== 'GET');
        expect(requests.map(({ method, path }) => `${String(method)} ${String(path)}`)).toEqual([
          'PUT /machine-config',
          'PUT /boot-source',
          'PUT /drives/base',
          'PUT /drives/disk',
          'PUT /vsock',
          'PUT /entropy',
          'PUT /actions',
        ]);
        expect(requests[0]?.['body']).toMatchObject({ vcpu_count: 2, mem_size_mib: 256 });
        expect(requests[1]?.['body']).toMatchObject({ boot_args: expect.stringContaining('reboot=k') });
        expect(requests[2]?.['body']).toMatchObject({ is_read_only: true });
        expect(JSON.stringify(await scene.log())).not.toContain('no-seccomp');
        expect((await scene.run(guest, 'echo', 'hello')).stdout.toString()).toBe('hello\n');
      });
    },
  );

  verifies(['R-TIER-4', 'R-NEW-3'], 'a machine is told who it is before anybody is given it', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      await scene.create(backend, { name: 'first_one' });
      await scene.create(backend);
      const [first, second] = scene.identities;
      expect(first).toMatchObject({
        hostName: 'first-one',
        machineId: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
      expect(first?.entropy.byteLength).toBeGreaterThanOrEqual(32);
      expect(first?.entropy).not.toEqual(second?.entropy);
      expect(first?.machineId).not.toBe(second?.machineId);
    });
  });

  verifies('R-TIER-4', 'many connections at once go through one vsock socket', async () => {
    await play(async (scene) => {
      const guest = await scene.create(scene.backend());
      const said = await Promise.all(
        Array.from({ length: 20 }, (_, index) => scene.run(guest, 'echo', String(index))),
      );
      expect(said.map(({ stdout }) => stdout.toString())).toEqual(said.map((_, index) => `${index}\n`));
    });
  });

  verifies(
    'R-TIER-4',
    'a sandbox outlives its backend: listed, attached to, paused, stopped, started, removed',
    async () => {
      await play(async (scene) => {
        const { id } = await scene.create(scene.backend(), { name: 'lasting', labels: { a: 'b' } });
        const after = scene.backend();
        expect(await after.list()).toEqual([
          expect.objectContaining({
            id,
            state: 'running',
            spec: expect.objectContaining({ name: 'lasting' }),
          }),
        ]);
        const guest = await after.attach(id);
        await guest.pause();
        expect(await guest.status()).toBe('paused');
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await guest.resume();
        expect((await scene.run(guest, 'echo', 'on')).stdout.toString()).toBe('on\n');
        await guest.stop({ graceMs: 2_000 });
        expect(await guest.status()).toBe('stopped');
        expect(await scene.log('guest ended')).toHaveLength(1);
        await expect(guest.stop({ graceMs: 0 })).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await guest.start();
        expect((await scene.run(guest, 'echo', 'again')).stdout.toString()).toBe('again\n');
        await guest.remove();
        await guest.remove();
        expect(await after.list()).toEqual([]);
        await expect(after.attach(id)).rejects.toMatchObject({ reason: 'sandbox.not-found' });
      });
    },
  );

  verifies('R-TIER-4', 'one that is made is started later; its disk stays from start to start', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await backend.define(scene.spec());
      expect(await guest.status()).toBe('created');
      await guest.start();
      const disk = scene.path('state', 'firecracker', 'sandboxes', guest.id, 'machine', 'disk');
      const { ino } = statSync(disk);
      await guest.stop({ graceMs: 0 });
      await guest.start();
      expect(statSync(disk).ino).toBe(ino);
    });
  });

  verifies(
    ['R-TIER-4', 'R-TIER-9'],
    'a removal that meets a start waits for it, and of two starts one starts a monitor',
    async () => {
      await play(async (scene) => {
        const [here, there] = [scene.backend(), scene.backend()];
        const { id } = await here.define(scene.spec());
        const [guest, other] = [await here.attach(id), await there.attach(id)];
        const starts = await Promise.allSettled([guest.start(), other.start()]);
        const refused = starts.flatMap((start) =>
          start.status === 'rejected' ? [start.reason as unknown] : [],
        );
        expect(refused).toEqual([expect.objectContaining({ reason: 'sandbox.not-running' })]);
        expect(await scene.log('started')).toHaveLength(1);
        await guest.stop({ graceMs: 0 });

        const lock = scene.path('state', 'firecracker', 'sandboxes', id, 'start.lock');
        const started = guest.start().then(
          () => 'started',
          (error: unknown) => error,
        );
        await eventually('it is being started', () => existsSync(lock));
        await other.remove();
        // Up and then ended under its first conversation: never caught in the middle of a launch.
        expect(['started', 'guest.crashed', 'channel.closed', 'sandbox.not-running']).toContain(
          await started.then((said) => (said as { reason?: string }).reason ?? said),
        );
        expect(await scene.log('started')).toHaveLength(2);
        expect(await here.list()).toEqual([]);
        // That its monitor has ended is what the scene makes sure of.
      });
    },
  );

  verifies('R-TIER-4', 'what Firecracker cannot give is refused before anything is made', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const hostPath = scene.path('artifacts');
      for (const [overrides, reason] of [
        [{ image: { kind: 'host' } }, 'capability.missing'],
        [{ workspace: { hostPath } }, 'capability.missing'],
        [{ volumes: [{ volume: 'v', guestPath: '/v' }] }, 'capability.missing'],
        [{ network: 'host' }, 'capability.missing'],
        [{ isInsecure: true }, 'argument.invalid'],
        [{ limits: { pids: 5 } }, 'limit.unsupported'],
        [{ limits: { memoryBytes: 1024 ** 2 } }, 'argument.invalid'],
        [{ limits: { cpus: 33 } }, 'argument.invalid'],
      ] as const)
        await expect(backend.create(scene.spec(overrides))).rejects.toMatchObject({ reason });
      expect(await backend.list()).toEqual([]);
      expect(await scene.log('started')).toEqual([]);
    });
  });

  verifies(
    'R-TIER-4',
    'where we are root a monitor runs in its jail: its user, its files, its limits',
    async (context) => {
      if (process.geteuid?.() !== 0) skipOrFail(context, 'root', 'the jailer is for root');
      await play(async (scene) => {
        const backend = scene.backend({ jailerPath: await scene.jailer() });
        const guest = await scene.create(backend, { limits: { memoryBytes: 128 * 1024 ** 2 } });
        const [jailed] = await scene.log('jailed');
        const { root, uid, gid, cgroups } = jailed as unknown as Record<'root' | 'cgroups', string> &
          Record<'uid' | 'gid', number>;
        expect(root).toMatch(/jails\/firecracker\/sbx-[0-9a-z]{12}\/root$/);
        expect(uid).toBeGreaterThan(1_000_000_000);
        expect(gid).toBe(uid);
        expect(cgroups).toMatch(/memory\.\w+=268435456;.*pids\.max=17;/);
        expect(readdirSync(root)).toEqual(
          expect.arrayContaining(['kernel', 'initrd', 'base', 'disk', 'vsock']),
        );
        for (const name of ['kernel', 'initrd', 'base']) expect(statSync(`${root}/${name}`).uid).toBe(0);
        expect(statSync(`${root}/disk`).uid).toBe(uid);
        expect((await scene.run(guest, 'echo', 'jailed')).stdout.toString()).toBe('jailed\n');
        await guest.stop({ graceMs: 0 });
        await guest.start();
        await guest.remove();
        expect(existsSync(root)).toBe(false);
      });
    },
  );

  verifies(
    'R-TIER-9',
    'a machine that was killed from outside is not running, and its connections end',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        const guest = await scene.create(backend);
        const [started] = await scene.log('started');
        process.kill(Number(started?.['pid']), 'SIGKILL');
        await eventually('it is gone', async () => (await guest.status()) === 'stopped');
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        expect((await backend.list())[0]?.state).toBe('stopped');
      });
    },
  );
});
