import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Guest } from '@sovereign/core';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { needsRoot, QuiltScene } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, networks);

function networks(): void {
  verifies(
    'R-PRIM-3',
    'a database and a web container find each other by name, and nobody else',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        const { networks } = scene.engine;
        const [back, other] = [await networks.create('back'), await networks.create('other')];
        expect(back.subnet).not.toBe(other.subnet);
        const [db, web, stranger] = [
          await scene.create({ name: 'db' }),
          await scene.define({ name: 'web' }),
          await scene.create({ name: 'stranger' }),
        ];
        const member = await networks.connect('back', db.id, { aliases: ['postgres'] });
        await networks.connect('back', web.id);
        await networks.connect('other', stranger.id);
        await web.start();
        await serve(scene, db);
        for (const name of ['db', 'postgres', member.address])
          expect(await fetched(scene, web, `${name}:5432`), name).toBe('hello');
        // Not by its address, although it is on a network of its own.
        expect(await fetched(scene, stranger, `${member.address}:5432`)).toBe('');
        expect((await scene.sh(stranger, 'cat /etc/hosts')).out).not.toContain('postgres');
        // Not from the host either: there is no route.
        expect(execFileSync('ip', ['route', 'get', member.address], { encoding: 'utf8' })).not.toContain(
          back.gateway,
        );

        await networks.connect('back', stranger.id);
        expect(await fetched(scene, stranger, 'db:5432')).toBe('hello');
        await networks.disconnect('back', stranger.id);
        expect(await fetched(scene, stranger, `${member.address}:5432`)).toBe('');
        expect((await scene.sh(stranger, 'cat /etc/hosts')).out).not.toContain('postgres');

        await web.stop({ graceMs: 0 });
        await web.start();
        expect(await fetched(scene, web, 'db:5432')).toBe('hello');
        expect((await networks.list()).find(({ name }) => name === 'back')?.members).toHaveLength(2);
      });
    },
  );

  verifies(
    'R-PRIM-3',
    'neither services of the host nor anything outside is reached from a network',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        const { networks } = scene.engine;
        const network = await networks.create('closed');
        const guest = await scene.create();
        await networks.connect('closed', guest.id);
        const arrived: string[] = [];
        const server = createServer((socket) => {
          arrived.push(String(socket.remoteAddress));
          socket.end('host');
        });
        const port = await listening(server, '0.0.0.0');
        const addresses = Object.values(networkInterfaces())
          .flatMap((list) => list ?? [])
          .filter(({ family }) => family === 'IPv4')
          .map(({ address }) => address);
        for (const address of [...addresses, network.gateway])
          expect(await fetched(scene, guest, `${address}:${port}`, 'eth0'), address).toBe('');
        expect(arrived).toEqual([]);
        // The twin: the same server answers who may reach it.
        const twin = await scene.create({ network: 'host' });
        expect(await fetched(scene, twin, `127.0.0.1:${port}`)).toBe('host');
        expect(arrived).toHaveLength(1);
        await expect(networks.connect('closed', twin.id)).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
        server.close();
      });
    },
  );

  verifies(
    'R-PRIM-3',
    'nobody sends as another: frames with an address that is not theirs are dropped',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        const { networks } = scene.engine;
        await networks.create('lan');
        const [honest, liar] = [await scene.create({ name: 'honest' }), await scene.create({ name: 'liar' })];
        const member = await networks.connect('lan', honest.id);
        await networks.connect('lan', liar.id);
        await serve(scene, honest);
        expect(await fetched(scene, liar, 'honest:5432')).toBe('hello');
        // The guest itself cannot, so the host does in its place what a kernel bug would let it do.
        expect(
          (
            await scene.sh(
              liar,
              'ip link set eth0 address 02:00:00:00:00:09; ip address add 10.209.0.77/24 dev eth0',
            )
          ).code,
        ).not.toBe(0);
        const within = ['-t', String(await scene.pidOf(liar)), '-n', 'ip'];
        execFileSync('nsenter', [...within, 'address', 'flush', 'dev', 'eth0']);
        execFileSync('nsenter', [
          ...within,
          'address',
          'add',
          member.address.replace(/\d+$/, '77/24'),
          'dev',
          'eth0',
        ]);
        expect(await fetched(scene, liar, `${member.address}:5432`)).toBe('');
      });
    },
  );

  verifies(
    'R-PRIM-3',
    'subnets that are in use, names that are taken and what is not there are refused',
    async (context) => {
      needsRoot(context);
      await QuiltScene.play(async (scene) => {
        const { networks } = scene.engine;
        const made = await networks.create('one', { subnet: '10.77.0.0/29' });
        expect(made).toMatchObject({ subnet: '10.77.0.0/29', gateway: '10.77.0.1', members: [] });
        await expect(networks.create('one')).rejects.toMatchObject({ reason: 'network.exists' });
        await expect(networks.create('two', { subnet: '10.77.0.0/16' })).rejects.toMatchObject({
          reason: 'network.conflict',
        });
        for (const subnet of ['10.77.0.1/24', '8.8.8.0/24', 'x', '10.0.0.0/33', '10.1.1.1', '::/64'])
          await expect(networks.create('two', { subnet }), subnet).rejects.toMatchObject({
            reason: 'argument.invalid',
          });
        const [first, last] = [await scene.define(), await scene.define()];
        const guests = [first, last];
        await networks.connect('one', first.id);
        for (let index = 0; index < 4; index++) {
          const guest = await scene.define();
          guests.push(guest);
          await networks.connect('one', guest.id);
        }
        await expect(networks.connect('one', last.id)).rejects.toMatchObject({
          reason: 'network.conflict',
        });
        await expect(networks.connect('one', first.id)).rejects.toMatchObject({
          reason: 'network.exists',
        });
        await expect(networks.remove('one')).rejects.toMatchObject({ reason: 'network.in-use' });
        await expect(networks.remove('none')).rejects.toMatchObject({ reason: 'network.not-found' });
        await expect(networks.connect('none', first.id)).rejects.toMatchObject({
          reason: 'network.not-found',
        });
        await expect(networks.disconnect('one', last.id)).rejects.toMatchObject({
          reason: 'network.not-found',
        });
        for (const guest of guests) await guest.remove();
        await networks.remove('one');
        expect(await networks.list()).toEqual([]);
        expect(readdirSync(join(scene.root, 'run'))).toEqual([]);
      });
    },
  );
}

/** A server in a guest that says hello to everybody. */
async function serve(scene: QuiltScene, guest: Guest): Promise<void> {
  const source =
    'import socketserver,os,sys\n' +
    'class H(socketserver.BaseRequestHandler):\n' +
    '    def handle(self): self.request.sendall(b"hello")\n' +
    'socketserver.TCPServer.allow_reuse_address=True\n' +
    's=socketserver.TCPServer(("0.0.0.0",5432),H)\n' +
    'os.fork() and os._exit(0)\n' +
    'os.close(0);os.close(1);os.close(2);os.setsid()\n' +
    's.serve_forever()\n';
  const started = await scene.sh(guest, `python3 -c '${source}'`);
  expect(started).toMatchObject({ code: 0 });
}

/** What a server says, or nothing when it is not reached. */
async function fetched(scene: QuiltScene, guest: Guest, address: string, device = ''): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  const source =
    'import socket,sys\n' +
    's=socket.socket();s.settimeout(1.5)\n' +
    `d="${device}".encode()\n` +
    'd and s.setsockopt(socket.SOL_SOCKET,25,d)\n' +
    'try:\n' +
    `    s.connect(("${host}",${port}));sys.stdout.write(s.recv(9).decode())\n` +
    'except OSError as e: sys.stderr.write(str(e))\n';
  return (await scene.sh(guest, `python3 -c '${source}'`)).out;
}

async function listening(server: Server, address: string): Promise<number> {
  server.listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}
