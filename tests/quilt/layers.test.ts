import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, tierTest, uniqueSandboxId, sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { busyboxRoot, importRoot, needsBusybox } from './busybox-image.ts';
import { all, QuiltScene } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, layers);

function layers(): void {
  verifies(
    ['R-PRIM-1', 'R-NEW-8'],
    'diff names what was added, modified and removed, and nothing else',
    async () => {
      await QuiltScene.play(async (scene) => {
        const guest = await scene.create({ workspace: { hostPath: scene.workspace } });
        expect(await all(scene.engine.diff(guest.id))).toEqual([]);
        const script = `
        mkdir -p /opt/a/b && echo 1 > /opt/a/b/f && echo 2 > /opt/a-b
        echo more >> /etc/profile; rm /etc/gitconfig; chmod 700 /home
        rm -rf /etc/ssl && mkdir /etc/ssl && echo new > /etc/ssl/only
        : >> /etc/services; mv /etc/shells /tmp/s; mv /tmp/s /etc/shells
        cp -p /etc/protocols /etc/p; cat /etc/p > /etc/protocols; touch -r /etc/p /etc/protocols; rm /etc/p
        ln -s /etc/passwd /root/link; echo w > /workspace/w; touch "/tmp/with
newline" "/tmp/with space"`;
        expect((await scene.sh(guest, script)).code).toBe(0);
        const changes = await all(scene.engine.diff(guest.id));
        expect(changes.filter(({ path }) => !path.startsWith('/etc/ssl'))).toEqual([
          { kind: 'removed', path: '/etc/gitconfig' },
          { kind: 'modified', path: '/etc/profile' },
          { kind: 'modified', path: '/home' },
          { kind: 'added', path: '/opt/a' },
          { kind: 'added', path: '/opt/a-b' },
          { kind: 'added', path: '/opt/a/b' },
          { kind: 'added', path: '/opt/a/b/f' },
          { kind: 'added', path: '/root/link' },
          { kind: 'added', path: '/tmp/with\nnewline' },
          { kind: 'added', path: '/tmp/with space' },
        ]);
        const ssl = changes.filter(({ path }) => path.startsWith('/etc/ssl'));
        expect(ssl).toContainEqual({ kind: 'added', path: '/etc/ssl/only' });
        expect(ssl.filter(({ kind }) => kind !== 'added').every(({ kind }) => kind === 'removed')).toBe(true);
        const paths = changes.map(({ path }) => path);
        expect(paths).toEqual([...paths].sort());
        await guest.stop({ graceMs: 0 });
        expect(await all(scene.engine.diff(guest.id))).toEqual(changes);
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'who is not root reaches a workspace below directories that the image lacks; what it has keeps its mode',
    async (context) => {
      const busybox = needsBusybox(context);
      await QuiltScene.play(async (scene) => {
        const root = await busyboxRoot(scene, busybox);
        await chmod(scene.workspace, 0o755);
        await mkdir(join(root, 'closed'), { mode: 0o711 });
        await importRoot(scene, root);
        const image = { kind: 'reference', reference: 'base' } as const;
        for (const guestPath of ['/srv/app/work', '/closed/app/work']) {
          const guest = await scene.create({ image, workspace: { hostPath: scene.workspace, guestPath } });
          const command = { command: '/bin/sh', cwd: '/', env: [], user: '1000' };
          const script = `ls -ld /closed; cd ${guestPath} && echo in`;
          const { stdout, stderr } = await scene.withChannel(guest, (channel) =>
            collect(channel.exec({ ...command, args: ['-c', script] })),
          );
          expect(stderr.toString()).toBe('');
          expect(stdout.toString()).toMatch(/^drwx--x--x .*\nin\n$/);
          expect(await all(scene.engine.diff(guest.id))).toEqual([]);
        }
      });
    },
  );

  verifies('R-NEW-3', 'a fork has the root as it was, goes its own way, and is not started', async () => {
    await QuiltScene.play(async (scene) => {
      const guest = await scene.create({ name: 'origin' });
      await scene.sh(
        guest,
        'echo one > /root/file; ln /root/file /root/hard; ln -s /etc/shadow /root/soft; rm /etc/gitconfig; rm -rf /etc/ssl; mkdir /etc/ssl; chown 12:34 /root/file',
      );
      await expect(scene.engine.fork(guest.id, sandboxSpecForTest())).rejects.toMatchObject({
        reason: 'sandbox.not-running',
      });
      await guest.pause();
      const fork = await scene.engine.fork(guest.id, sandboxSpecForTest({ name: 'fork' }));
      await guest.resume();
      await scene.sh(guest, 'echo two > /root/file');
      expect(await fork.status()).toBe('created');
      await fork.start();
      const seen = await scene.sh(
        fork,
        'cat /root/hard; stat -c "%u %g %h" /root/file; readlink /root/soft; ls /etc/ssl; ls /etc/gitconfig 2>&1',
      );
      expect(seen.out).toMatch(/^one\n12 34 2\n\/etc\/shadow\n[^\n]*gitconfig[^\n]*No such file[^\n]*\n$/);
      await scene.sh(fork, 'echo three > /root/file');
      expect((await scene.sh(guest, 'cat /root/file')).out).toBe('two\n');
      await guest.stop({ graceMs: 0 });
      const second = await scene.engine.fork(guest.id, sandboxSpecForTest());
      await second.start();
      expect((await scene.sh(second, 'cat /root/file')).out).toBe('two\n');
    });
  });

  verifies(
    'R-NEW-3',
    'a fork that is refused leaves nothing: another image, a name that is taken, nobody',
    async () => {
      await QuiltScene.play(async (scene) => {
        const guest = await scene.define({ name: 'taken' });
        await expect(
          scene.engine.fork(guest.id, sandboxSpecForTest({ image: { kind: 'rootfs', path: '/usr' } })),
        ).rejects.toMatchObject({ reason: 'argument.invalid' });
        await expect(
          scene.engine.fork(guest.id, sandboxSpecForTest({ name: 'taken' })),
        ).rejects.toMatchObject({
          reason: 'sandbox.exists',
        });
        await expect(scene.engine.fork(uniqueSandboxId(), sandboxSpecForTest())).rejects.toMatchObject({
          reason: 'sandbox.not-found',
        });
        expect((await scene.backend.list()).map(({ id }) => id)).toEqual([guest.id]);
        expect(await scene.leftovers()).toEqual([]);
      });
    },
  );
}
