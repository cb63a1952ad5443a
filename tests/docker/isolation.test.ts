import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { missingLayers, requiredLayers } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import {
  collect,
  environmentOf,
  sandboxSpecForTest,
  skipOrFail,
  tierTest,
  verifies,
} from '@sovereign/testkit';
import { expect } from 'vitest';
import { startEngine } from '../support/engines.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';
import { playOn } from './scene.ts';

// The hardening is the same request to both; what an engine does with it is asked of both.
for (const name of ['docker', 'podman'] as const) {
  const engine = await startEngine(name);
  tierTest(name, engine.absence, () => {
    verifies(
      ['R-TIER-2', 'R-TIER-10'],
      'every layer that the tier needs is verified from inside',
      async () => {
        await playOn(engine, {}, async ({ backend, create }) => {
          const guest = await create();
          const channel = connectGuestChannel(await guest.connect());
          const { layers } = await channel.welcome;
          await channel.close();
          expect(missingLayers(requiredLayers(backend, guest.spec), layers)).toEqual([]);
          expect(layers.find((layer) => layer.name === 'capabilities')?.detail).not.toContain('SYS_');
        });
      },
    );

    verifies('R-TIER-2', 'files of the host stay out, those of the workspace are there', async () => {
      await playOn(engine, {}, async ({ create, sh, directory, root }) => {
        const secret = join(root, 'secret');
        writeFileSync(secret, 'top-secret-content');
        const hostPath = await directory('w');
        writeFileSync(join(hostPath, 'allowed'), 'allowed-content');
        const guest = await create({ workspace: { hostPath } });
        expect(await sh(guest, 'cat allowed')).toBe('allowed-content');
        const seen = await sh(
          guest,
          `cat ${secret}; grep -rls top-secret-content / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr; ls /home /root`,
        );
        expect(seen).not.toContain('top-secret-content\n');
        expect(seen.split('\n').filter((line) => line.startsWith('/') && !line.endsWith(':'))).toEqual([]);
        await sh(guest, `mkdir -p $(dirname ${secret}); echo changed > ${secret}`);
        expect(readFileSync(secret, 'utf8')).toBe('top-secret-content');
      });
    });

    verifies('R-TIER-2', 'no socket of the host is reached, and no network; loopback is there', async () => {
      await playOn(engine, {}, async ({ create, sh, root }) => {
        const guest = await create();
        const path = join(root, 'host.sock');
        const server = createServer().listen(path);
        const heard: unknown[] = [];
        server.on('connection', (socket) => heard.push(socket.destroy()));
        const devices = await sh(guest, 'cat /proc/net/dev');
        expect(devices.match(/^ *\w+:/gm)?.map((line) => line.trim())).toEqual(['lo:']);
        const sockets = await sh(guest, 'find / -xdev -type s; find /run -type s');
        expect(sockets.trim().split('\n')).toEqual(['/run/sovereign/io/shelld.sock']);
        await sh(guest, `python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('${path}')"`);
        expect(heard).toEqual([]);
        await new Promise((resolve) => server.close(resolve));
      });
    });

    verifies(
      'R-TIER-2',
      'our system call profile is in force: what Docker 20.10 allows is refused',
      async (context) => {
        await playOn(engine, {}, async ({ create, sh }) => {
          const guest = await create();
          if ((await sh(guest, 'command -v python3')) === '')
            skipOrFail(context, 'python', 'no python3 on this host');
          // AF_VSOCK is 40. A refused call says EPERM, and the twin opens.
          const script = (family: number): string =>
            `python3 -c "import socket\ntry:\n socket.socket(${family}, socket.SOCK_STREAM); print('opened')\nexcept OSError as e: print(e.errno)"`;
          expect(await sh(guest, script(40))).toBe('1\n');
          expect(await sh(guest, script(2))).toBe('opened\n');
        });
      },
    );

    verifies('R-TIER-2', 'what runs later on the host is write-protected; granted it is not', async () => {
      await playOn(engine, {}, async ({ create, sh, directory }) => {
        const hostPath = await directory('w');
        mkdirSync(join(hostPath, '.git', 'hooks'), { recursive: true });
        const script = 'echo x > .git/hooks/pre-commit; mv .git .moved; true';
        await sh(await create({ workspace: { hostPath } }), script);
        expect(execFileSync('find', ['.', '-mindepth', '1'], { cwd: hostPath }).toString()).toBe(
          './.git\n./.git/hooks\n',
        );
        await sh(
          await create({ workspace: { hostPath, granted: ['.git/hooks'] } }),
          'echo x > .git/hooks/pre-commit',
        );
        expect(readFileSync(join(hostPath, '.git/hooks/pre-commit'), 'utf8')).toBe('x\n');
      });
    });

    verifies('R-TIER-2', 'files of a workspace belong to its owner, who commands run as', async () => {
      await playOn(engine, {}, async ({ create, sh, directory, root }) => {
        execFileSync('chmod', ['755', root]);
        const hostPath = await directory('w');
        execFileSync('chown', ['4321:4322', hostPath]);
        const guest = await create({ workspace: { hostPath } });
        expect(await sh(guest, 'echo x > made; id -u')).toBe('4321\n');
        expect(execFileSync('stat', ['-c', '%u:%g', join(hostPath, 'made')]).toString()).toBe('4321:4322\n');
      });
    });

    verifies(
      ['R-TIER-2', 'R-PRIM-5'],
      'with a workspace of somebody, USER of the image gives way to its owner, and another user is refused',
      async () => {
        await playOn(engine, {}, async ({ backend, create, sh, directory, root }) => {
          execFileSync('chmod', ['755', root]);
          const hostPath = await directory('w');
          const reference = 'whose:1';
          const image = { kind: 'reference', reference } as const;
          await backend.engine?.images.import(pieces(busyboxRoot()), { reference, config: { user: '1234' } });
          expect((await create({ image, workspace: { hostPath } })).user).toBe('1234');
          execFileSync('chown', ['4321:4322', hostPath]);
          const guest = await create({ image, workspace: { hostPath } });
          expect([guest.user, (await backend.attach(guest.id)).user]).toEqual([undefined, undefined]);
          const capabilities = 'while read name value; do case $name in Cap*) echo $value;; esac; done';
          const seen = await sh(guest, `id -u; (${capabilities}) < /proc/self/status`);
          expect(seen).toBe(`4321\n${'0000000000000000\n'.repeat(5)}`);
          const channel = connectGuestChannel(await guest.connect());
          const asked = { command: 'id', cwd: '/', env: environmentOf(guest), user: '1234' };
          await expect(collect(channel.exec(asked))).rejects.toMatchObject({ reason: 'argument.invalid' });
          await channel.close();
          // What is made of it is nobody's, as its image was.
          const committed = await backend.engine?.commit(guest.id, {
            reference: 'whose:2',
            config: { user: '' },
          });
          expect(committed?.config.user).toBe('0:0');
        });
      },
    );

    verifies('R-TIER-2', 'a shield that is a link mounts nothing of what it points to', async () => {
      await playOn(engine, {}, async ({ create, sh, directory }) => {
        const secrets = await directory('secrets');
        writeFileSync(join(secrets, 'key'), 'the-key');
        mkdirSync(join(secrets, 'hooks'));
        const hostPath = await directory('w');
        symlinkSync(secrets, join(hostPath, '.vscode'));
        symlinkSync(secrets, join(hostPath, '.git'));
        const guest = await create({ workspace: { hostPath } });
        const seen = await sh(guest, 'cat .vscode/key .git/key; ls -d .git .vscode');
        expect(seen).not.toContain('the-key');
        expect(seen).toContain('.git\n.vscode\n');
      });
    });

    verifies('R-TIER-2', 'a shield that turns into a link before the start is not served', async () => {
      await playOn(engine, {}, async ({ backend, directory, sh }) => {
        const secrets = await directory('secrets');
        const hostPath = await directory('w');
        mkdirSync(join(hostPath, '.vscode'));
        const guest = await backend.define(sandboxSpecForTest({ workspace: { hostPath } }));
        renameSync(join(hostPath, '.vscode'), join(hostPath, 'aside'));
        symlinkSync(secrets, join(hostPath, '.vscode'));
        await expect(guest.start()).rejects.toMatchObject({ reason: 'workspace.refused' });
        expect(await guest.status()).toBe('created');
        rmSync(join(hostPath, '.vscode'));
        renameSync(join(hostPath, 'aside'), join(hostPath, '.vscode'));
        await guest.start();
        expect(await sh(guest, 'touch .vscode/x 2>&1 | grep -o Read-only')).toBe('Read-only\n');
      });
    });

    // What follows is about our side of it, whichever engine it is.
    if (name === 'podman') return;

    verifies('R-TIER-2', 'a socket that is a link leads to no socket of the host', async () => {
      await playOn(engine, {}, async ({ create, sh, root }) => {
        const path = join(root, 'host.sock');
        const server = createServer().listen(path);
        const heard: unknown[] = [];
        server.on('connection', (socket) => heard.push(socket.destroy()));
        const guest = await create();
        await sh(guest, `rm /run/sovereign/io/shelld.sock; ln -s ${path} /run/sovereign/io/shelld.sock`);
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'channel.closed' });
        expect(heard).toEqual([]);
        await guest.stop({ graceMs: 0 });
        await guest.start();
        expect(await sh(guest, 'echo again')).toBe('again\n');
        await new Promise((resolve) => server.close(resolve));
      });
    });
  });
}
