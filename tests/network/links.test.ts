import net from 'node:net';
import { once } from 'node:events';
import { eventually, verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';
import { inScene, python, run, startDatabase, talk, tiers } from './scene.ts';

/** Links between sandboxes of any two tiers that are here, each with its own loopback and no network card. */
const pairs = tiers.flatMap((from) => tiers.map((to) => [from, to] as const));

describe.each(pairs)('a link from %s to %s', (from, to) => {
  verifies(
    ['R-NEW-2', 'R-PRIM-3'],
    'a web container reaches its database by name, and nothing else',
    async () => {
      await inScene(async (scene) => {
        const database = await scene.create(to, { name: 'db' });
        const web = await scene.create(from, { name: 'web' });
        await startDatabase(database, 5432);
        const before = await python(web, talk('db', 5432, 'GET a'));
        expect(before.code, 'without a link nothing is reached').not.toBe(0);

        const link = await scene.runtime.network.establish(web, database, 5432);
        expect(link).toMatchObject({
          from: web.id,
          to: database.id,
          port: 5432,
          names: ['db', database.id],
          state: 'open',
        });
        expect(await python(web, talk('db', 5432, 'SET a 42', 'GET a'))).toMatchObject({
          code: 0,
          out: '42\n42\n',
        });
        expect(await python(web, talk(database.id, 5432, 'GET a'))).toMatchObject({ out: '42\n' });
        expect(await python(web, talk(link.address, 5432, 'GET a'))).toMatchObject({ out: '42\n' });
        expect((await python(web, talk('db', 5433, 'GET a'))).code, 'another port').not.toBe(0);
        expect((await python(database, talk('web', 5432, 'GET a'))).code, 'the other way').not.toBe(0);

        await scene.runtime.network.sever(web.id, database.id, 5432);
        expect((await python(web, talk('db', 5432, 'GET a'))).code, 'after it was severed').not.toBe(0);
        expect((await run(web, 'cat', '/etc/hosts')).out).not.toContain('db');
        await expect(scene.runtime.network.sever(web.id, database.id, 5432)).rejects.toMatchObject({
          reason: 'link.not-found',
        });
      });
    },
  );

  verifies('R-PRIM-3', 'a severed link drops open connections at once', async () => {
    await inScene(async (scene) => {
      const database = await scene.create(to, { name: 'db' });
      const web = await scene.create(from);
      await startDatabase(database, 5432);
      await scene.runtime.network.establish(web, database, 5432);
      const client = await web.spawn({
        command: '/usr/bin/python3',
        args: [
          '-c',
          `
import socket
peer = socket.create_connection(("db", 5432))
peer.sendall(b"GET a\\n")
print("connected", peer.recv(10), flush=True)
try:
    print("got", peer.recv(10), flush=True)
except ConnectionResetError:
    print("reset", flush=True)
`,
        ],
      });
      let out = '';
      for await (const { data } of client) {
        out += Buffer.from(data).toString();
        if (out.includes('connected') && !out.includes('reset'))
          await scene.runtime.network.sever(web.id, database.id, 5432);
      }
      expect(out).toBe("connected b'-\\n'\nreset\n");
    });
  });
});

const persistent = tiers.includes('quilt') ? (['quilt'] as const) : [];

describe.each(persistent)('on %s, which stops and starts', (tier) => {
  verifies(
    'R-NEW-2',
    'a target that stops and starts again is reached again; meanwhile the client is refused',
    async () => {
      await inScene(async (scene) => {
        const database = await scene.create(tier, { name: 'db' });
        const web = await scene.create(tier);
        await startDatabase(database, 5432);
        await scene.runtime.network.establish(web, database, 5432);
        await database.stop({ graceMs: 0 });
        const refused = await python(web, talk('db', 5432, 'GET a'));
        expect(refused.err).toContain('ConnectionResetError');
        await database.start();
        await startDatabase(database, 5432);
        expect(await python(web, talk('db', 5432, 'SET a 1'))).toMatchObject({ out: '1\n' });
      });
    },
  );

  verifies(
    'R-NEW-2',
    'a source that stops and starts again has its link, its names and its egress again',
    async () => {
      await inScene(async (scene) => {
        const database = await scene.create(tier, { name: 'db' });
        const web = await scene.create(tier, { egress: [] });
        await startDatabase(database, 5432);
        await scene.runtime.network.establish(web, database, 5432);
        await web.stop({ graceMs: 0 });
        await eventually('the topology shows that it waits', async () => {
          const { links } = await scene.runtime.network.topology();
          return links[0]?.state === 'waiting';
        });
        await web.start();
        expect(await python(web, talk('db', 5432, 'SET a 1'))).toMatchObject({ out: '1\n' });
        expect((await run(web, 'curl', '-sS', 'http://example.com/')).out).toContain('egress.denied');
        expect((await scene.runtime.network.topology()).links).toMatchObject([{ state: 'open' }]);
      });
    },
  );
});

describe.each(tiers)('on %s', (tier) => {
  verifies(
    ['R-NEW-2', 'R-PRIM-3'],
    'a published port reaches the server inside, until it is taken back',
    async () => {
      await inScene(async (scene) => {
        const database = await scene.create(tier, { name: 'db' });
        await startDatabase(database, 5432);
        const published = await database.network.publish({ port: 5432 });
        expect(published).toMatchObject({ sandbox: database.id, port: 5432, hostAddress: '127.0.0.1' });
        expect(await ask(published.hostPort, 'SET a 7\nGET a\n')).toBe('7\n7\n');
        await expect(
          database.network.publish({ port: 5432, hostPort: published.hostPort }),
        ).rejects.toMatchObject({ reason: 'port.taken' });
        await database.network.unpublish(published);
        await expect(ask(published.hostPort, 'GET a\n')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
        await expect(database.network.unpublish(published)).rejects.toMatchObject({
          reason: 'port.not-found',
        });
      });
    },
  );

  verifies(
    'R-NEW-2',
    'a port that nobody serves resets its clients, and a removed sandbox takes its ports along',
    async () => {
      await inScene(async (scene) => {
        const sandbox = await scene.create(tier);
        const { hostPort } = await sandbox.network.publish({ port: 9 });
        await expect(ask(hostPort, 'x')).rejects.toMatchObject({ code: 'ECONNRESET' });
        await sandbox.remove();
        await expect(ask(hostPort, 'x')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
        expect((await scene.runtime.network.topology()).ports).toEqual([]);
      });
    },
  );

  verifies(
    'R-PRIM-3',
    'the topology shows sandboxes, links, ports, what is exposed and what may be left for',
    async () => {
      await inScene(async (scene) => {
        const database = await scene.create(tier, { name: 'db' });
        const web = await scene.create(tier, { name: 'web', egress: ['example.com'], ports: [{ port: 80 }] });
        await database.network.expose(5432);
        await scene.runtime.network.establish(web, database, 5432);
        const topology = await scene.runtime.network.topology();
        expect(topology.sandboxes).toMatchObject([
          { name: 'db', state: 'running', exposedPorts: [5432], egress: null },
          { name: 'web', exposedPorts: [], egress: ['example.com:80,443'] },
        ]);
        expect(topology.links).toMatchObject([
          { from: web.id, to: database.id, port: 5432, pid: process.pid },
        ]);
        expect(topology.ports).toMatchObject([{ sandbox: web.id, port: 80, isDetached: false }]);
      });
    },
  );
});

/** One conversation with a server on the host. */
async function ask(port: number, text: string): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.end(text);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString();
}
