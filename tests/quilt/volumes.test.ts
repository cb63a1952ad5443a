import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processIdentity } from '@sovereign/core';
import { findShelld } from '@sovereign/guest';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { needsRoot, QuiltScene } from './scene.ts';

const mebibyte = 1_048_576;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, volumes);

function volumes(): void {
  verifies(
    'R-PRIM-4',
    'a volume is shared by sandboxes, outlives them, and is removed when nobody has it',
    async () => {
      await QuiltScene.play(async (scene) => {
        const { volumes } = scene.engine;
        await volumes.create('data', { labels: { of: 'test' } });
        await expect(volumes.create('data')).rejects.toMatchObject({ reason: 'volume.exists' });
        await expect(volumes.inspect('other')).rejects.toMatchObject({ reason: 'volume.not-found' });
        const mount = { volume: 'data', guestPath: '/srv/data' };
        const writer = await scene.create({ volumes: [mount] });
        const reader = await scene.create({ volumes: [{ ...mount, isReadOnly: true }] });
        expect((await scene.sh(writer, 'echo kept > /srv/data/file')).code).toBe(0);
        expect((await scene.sh(reader, 'cat /srv/data/file')).out).toBe('kept\n');
        expect((await scene.sh(reader, 'echo no > /srv/data/file')).err).toMatch(/Read-only/);
        expect(await volumes.inspect('data')).toMatchObject({
          name: 'data',
          sizeBytes: null,
          labels: { of: 'test' },
          users: [reader.id, writer.id].sort(),
        });
        await expect(volumes.remove('data')).rejects.toMatchObject({ reason: 'volume.in-use' });
        await writer.remove();
        await reader.remove();
        expect(readFileSync(scene.state('volumes', 'data', 'data', 'file'), 'utf8')).toBe('kept\n');
        const later = await scene.create({ volumes: [mount] });
        expect((await scene.sh(later, 'cat /srv/data/file')).out).toBe('kept\n');
        await later.remove();
        await volumes.remove('data');
        expect(await volumes.list()).toEqual([]);
        expect(await readdir(scene.state('volumes'))).toEqual([]);
      });
    },
  );

  verifies(
    'R-PRIM-4',
    'attach and detach while running; what is attached is there after a restart',
    async () => {
      await QuiltScene.play(async (scene) => {
        const { volumes } = scene.engine;
        await volumes.create('live');
        const guest = await scene.create();
        await volumes.attach(guest.id, { volume: 'live', guestPath: '/a/deep/place' });
        expect((await scene.sh(guest, 'echo 1 > /a/deep/place/file')).code).toBe(0);
        await expect(
          volumes.attach(guest.id, { volume: 'live', guestPath: '/a/deep/place' }),
        ).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
        await guest.stop({ graceMs: 0 });
        await guest.start();
        expect((await scene.sh(guest, 'cat /a/deep/place/file')).out).toBe('1\n');
        await volumes.detach(guest.id, '/a/deep/place');
        expect((await scene.sh(guest, 'ls /a/deep/place')).out).toBe('');
        expect((await volumes.inspect('live')).users).toEqual([]);
        await expect(volumes.detach(guest.id, '/a/deep/place')).rejects.toMatchObject({
          reason: 'volume.not-found',
        });
        // A stopped and a paused one take it too.
        await guest.pause();
        await volumes.attach(guest.id, { volume: 'live', guestPath: '/paused' });
        await guest.resume();
        expect((await scene.sh(guest, 'cat /paused/file')).out).toBe('1\n');
        await guest.stop({ graceMs: 0 });
        await volumes.detach(guest.id, '/paused');
        await volumes.attach(guest.id, { volume: 'live', guestPath: '/stopped' });
        await guest.start();
        expect((await scene.sh(guest, 'cat /stopped/file; ls /paused')).out).toBe('1\n');
      });
    },
  );

  verifies('R-PRIM-4', 'one that a process works in is not detached; when it has gone it is', async () => {
    await QuiltScene.play(async (scene) => {
      const { volumes } = scene.engine;
      await volumes.create('busy');
      const guest = await scene.create({ volumes: [{ volume: 'busy', guestPath: '/busy' }] });
      await scene.withChannel(guest, async (channel) => {
        const sleeper = channel.exec({
          command: 'sleep',
          args: ['600'],
          cwd: '/busy',
          env: ['PATH=/bin:/usr/bin'],
        });
        await sleeper.started;
        await expect(volumes.detach(guest.id, '/busy')).rejects.toMatchObject({ reason: 'volume.in-use' });
        expect((await volumes.inspect('busy')).users).toEqual([guest.id]);
        await sleeper.kill();
        await sleeper.exit;
        await volumes.detach(guest.id, '/busy');
      });
      expect((await volumes.inspect('busy')).users).toEqual([]);
    });
  });

  verifies(
    'R-PRIM-4',
    'a quota is a file system of that size, shared by two sandboxes at once',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        const { volumes } = scene.engine;
        await volumes.create('small', { sizeBytes: 16 * mebibyte });
        const image = scene.state('volumes', 'small', 'data.img');
        const mount = { volume: 'small', guestPath: '/small' };
        const one = await scene.create({ volumes: [mount] });
        const other = await scene.create();
        await volumes.attach(other.id, mount);
        expect((await scene.sh(one, 'ls -A /small; head -c 8M /dev/zero > /small/half')).code).toBe(0);
        const full = await scene.sh(other, 'ls /small; head -c 12M /dev/zero > /small/rest');
        expect(full.out).toBe('half\n');
        expect(full.err).toMatch(/No space left/);
        expect(loopDevicesOf(image)).toHaveLength(1);
        await volumes.detach(other.id, '/small');
        expect((await scene.sh(one, 'rm /small/rest; echo still > /small/half; cat /small/half')).out).toBe(
          'still\n',
        );
        await one.stop({ graceMs: 0 });
        await eventually('the device is free', () => loopDevicesOf(image).length === 0);
        await one.start();
        expect((await scene.sh(one, 'cat /small/half')).out).toBe('still\n');
        await one.remove();
        await eventually('the device is free', () => loopDevicesOf(image).length === 0);
      });
    },
  );

  verifies(
    'R-PRIM-4',
    'no path of a volume leads through a link or covers what a sandbox is made of',
    async () => {
      await QuiltScene.play(async (scene) => {
        const { volumes } = scene.engine;
        await volumes.create('data');
        await mkdir(join(scene.root, 'outside'));
        const guest = await scene.create({ workspace: { hostPath: scene.workspace } });
        const attach = (guestPath: string): Promise<void> =>
          volumes.attach(guest.id, { volume: 'data', guestPath });
        for (const path of [
          '/',
          '/proc',
          '/proc/x',
          '/dev/y',
          '/run',
          '/run/sovereign',
          '/run/sovereign/z',
          '/workspace',
          '/etc',
          'rel',
          '/a/../b',
          '/a//b',
        ])
          await expect(attach(path), path).rejects.toMatchObject({ reason: 'argument.invalid' });
        await scene.sh(
          guest,
          'ln -s /workspace /link; ln -s / /all; mkdir /dir; ln -s /proc/1/root /dir/magic; echo x > /plain',
        );
        for (const path of [
          '/link',
          '/link/deeper',
          '/all/made',
          '/dir/magic/made',
          '/plain',
          '/plain/below',
        ])
          await expect(attach(path), path).rejects.toMatchObject({
            reason: expect.stringMatching(/^(argument.invalid|launcher.failed)$/),
          });
        expect((await volumes.inspect('data')).users).toEqual([]);
        expect(await readdir(scene.workspace)).toEqual([]);
        expect(
          (await scene.sh(guest, 'ls /made /dir/magic/made 2>&1; grep -c data /proc/self/mountinfo')).out,
        ).toMatch(/No such file[^]*\n0\n$/);
        await attach('/dir/real');
        await attach('/workspace/in');
        expect((await scene.sh(guest, 'echo ok > /dir/real/f; cat /workspace/in/f')).out).toBe('ok\n');
      });
    },
  );

  verifies(
    'R-PRIM-4',
    'a directory that is swapped with a link while volumes come and go never leads outside',
    async () => {
      await QuiltScene.play(async (scene) => {
        const { volumes } = scene.engine;
        await volumes.create('data');
        await writeFile(scene.state('volumes', 'data', 'data', 'marker'), '');
        const guest = await scene.create({ workspace: { hostPath: scene.workspace } });
        await scene.withChannel(guest, async (channel) => {
          const swap =
            'mkdir /d /e; ln -s /workspace /e/x; while :; do mv /d/x /d/y; mv /e/x /d/x; mv /d/x /e/x; mv /d/y /d/x; done';
          const swapper = channel.exec({
            command: 'sh',
            args: ['-c', `${swap} 2>/dev/null`],
            cwd: '/',
            env: ['PATH=/bin:/usr/bin'],
          });
          await swapper.started;
          let attached = 0;
          for (let round = 0; round < 60; round++) {
            const isThere = await volumes.attach(guest.id, { volume: 'data', guestPath: '/d/x/v' }).then(
              () => true,
              () => false,
            );
            // Through the link it would have made /workspace/v on the host.
            expect(existsSync(join(scene.workspace, 'v'))).toBe(false);
            if (!isThere) continue;
            attached++;
            await volumes.detach(guest.id, '/d/x/v').catch(() => undefined);
            if ((await volumes.inspect('data')).users.length > 0) break;
          }
          await swapper.kill();
          expect(attached).toBeGreaterThan(0);
        });
      });
    },
  );

  verifies(
    'R-PRIM-4',
    'a process of the host is never visited, and a guest gains no capability',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        await scene.engine.volumes.create('data');
        const guest = await scene.create();
        const before = await scene.sh(guest, 'grep Cap /proc/self/status');
        await scene.engine.volumes.attach(guest.id, { volume: 'data', guestPath: '/data' });
        expect(await scene.sh(guest, 'grep Cap /proc/self/status')).toEqual(before);
        expect((await scene.sh(guest, 'umount /data')).code).not.toBe(0);
        expect((await scene.sh(guest, 'ls -lan /proc/1/fd | grep -c mnt')).out).toBe('0\n');
        const source = scene.state('volumes', 'data', 'data');
        for (const [pid, start] of [
          [String(process.pid), String(processIdentity(process.pid)?.startTicks)],
          [String(await scene.pidOf(guest)), '1'],
        ] as const) {
          const argv = ['mount', '--pid', pid, '--start', start, '--source', source, '--target', '/data2'];
          expect(() => execFileSync(findShelld(), argv, { stdio: 'pipe' })).toThrow(
            /not a guest's namespace|find guest/,
          );
        }
        expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(source);
      });
    },
  );
}

/** Loop devices that hold a file, as the kernel lists them. */
function loopDevicesOf(image: string): readonly string[] {
  const listed = execFileSync('losetup', ['-j', image], { encoding: 'utf8' });
  return listed.split('\n').filter((line) => line !== '');
}
