import net from 'node:net';
import { verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { inScene, listen, python, tiers, type Scene } from './scene.ts';

const [tier = 'process'] = tiers;
const hidden = 'GET /hidden HTTP/1.1\nHost: hidden.example\n\n';

/**
 * Requests behind which another one is hidden, each read in its own way by some server: `ORIGIN` is the server that is
 * granted, a line feed is a whole line end, and `\f` is a line feed alone.
 */
const smuggled: Readonly<Record<string, string>> = {
  'a second request to the same server': `GET http://ORIGIN/a HTTP/1.1\nHost: ORIGIN\n\nGET http://ORIGIN/hidden HTTP/1.1\n\n`,
  'behind a body': `POST http://ORIGIN/a HTTP/1.1\nContent-Length: 4\n\nbody${hidden}`,
  'two lengths': `POST http://ORIGIN/a HTTP/1.1\nContent-Length: 0\nContent-Length: 44\n\n${hidden}`,
  'a list of lengths': `POST http://ORIGIN/a HTTP/1.1\nContent-Length: 0, 44\n\n${hidden}`,
  'a length and chunks': `POST http://ORIGIN/a HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n${hidden}`,
  'another coding before chunks': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: identity, chunked\n\n0\n\n${hidden}`,
  'chunks twice': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\nTransfer-Encoding: x\n\n0\n\n${hidden}`,
  'a space before the colon': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding : chunked\n\n0\n\n${hidden}`,
  'a folded line': `POST http://ORIGIN/a HTTP/1.1\nX: y\n Transfer-Encoding: chunked\n\n0\n\n${hidden}`,
  'a line feed alone in the head': `POST http://ORIGIN/a HTTP/1.1\nX: y\fTransfer-Encoding: chunked\n\n0\n\n${hidden}`,
  'chunks of HTTP/1.0': `POST http://ORIGIN/a HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n${hidden}`,
  'behind the last chunk': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\n\n4\nbody\n0\n\n${hidden}`,
  'line feeds alone between chunks': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\n\n0\f\f${hidden}`,
  'a chunk longer than its size': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\n\n1\naXX0\n\n${hidden}`,
  'an extension of a chunk': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\n\n0;x\f\f${hidden}`,
  'a trailer': `POST http://ORIGIN/a HTTP/1.1\nTransfer-Encoding: chunked\n\n0\nX: y\f\f${hidden}`,
  'an upgrade': `GET http://ORIGIN/a HTTP/1.1\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: x\n\n${hidden}`,
  'behind a body that waits to be asked for': `POST http://ORIGIN/a HTTP/1.1\nExpect: 100-continue\nContent-Length: 4\n\nbody${hidden}`,
};

/** A server that forgives everything: it takes whatever comes, answers once as if more were welcome, and ends when nothing more does. */
async function startRecorder(scene: Scene): Promise<{ readonly port: number; readonly heard: () => string }> {
  const heard: Buffer[] = [];
  const port = await listen(
    scene,
    net.createServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswered'));
      socket.on('data', (bytes) => heard.push(bytes));
      socket.setTimeout(200, () => socket.end());
    }),
  );
  return { port, heard: () => Buffer.concat(heard.splice(0)).toString('latin1') };
}

/** What the proxy answers to these bytes, sent at once or one by one. */
const send = (bytes: string, isPieces: boolean): string => `
import socket
peer = socket.create_connection(("127.64.0.1", 3128), timeout=20)
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
data = bytes.fromhex("${Buffer.from(bytes, 'latin1').toString('hex')}")
try:
    for at in range(0, len(data), ${isPieces ? 1 : bytes.length}):
        peer.sendall(data[at:at + ${isPieces ? 1 : bytes.length}])
    while part := peer.recv(4096):
        print(part.decode(), end="")
except ConnectionError:
    print("broken off")
`;

const wire = (text: string, port: number): string =>
  text.replaceAll('ORIGIN', `127.0.0.1:${port}`).replaceAll('\n', '\r\n').replaceAll('\f', '\n');

verifies(
  'R-NEW-1',
  'no request reaches a server hidden in another, however servers and proxies may read it',
  { timeoutMs: 120_000 },
  async () => {
    await inScene(async (scene) => {
      const origin = await startRecorder(scene);
      const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${origin.port}`] });
      for (const [how, text] of Object.entries(smuggled))
        for (const isPieces of [false, true]) {
          const { out, code } = await python(sandbox, send(wire(text, origin.port), isPieces));
          expect(code, how).toBe(0);
          expect(origin.heard(), how).not.toContain('hidden');
          expect(out.match(/HTTP\/1\.1 [2-5]/g)?.length ?? 0, how).toBeLessThanOrEqual(1);
        }
      // A length that the server is not told of would make the next request of a body.
      const named = 'POST http://ORIGIN/a HTTP/1.1\nConnection: content-length\nContent-Length: 4\n\nbody';
      expect((await python(sandbox, send(wire(named, origin.port), false))).out).toContain('answered');
      expect(origin.heard()).toContain('\r\ncontent-length: 4\r\n');
      // What is whole comes through, and says nothing of what was for the proxy.
      const whole = wire(
        'POST http://ORIGIN/a HTTP/1.1\nConnection: content-length, x-hop\nX-Hop: 1\nTransfer-Encoding: chunked\n\n4;x=y\nbody\n0\nX: y\n\n',
        origin.port,
      );
      expect((await python(sandbox, send(whole, true))).out).toContain('answered');
      expect(origin.heard()).toBe(
        wire(
          'POST /a HTTP/1.1\nhost: ORIGIN\ntransfer-encoding: chunked\nconnection: close\n\n4;x=y\nbody\n0\nX: y\n\n',
          origin.port,
        ),
      );
    });
  },
);

verifies(
  ['R-NEW-1', 'R-NEW-6'],
  'of two requests on one connection the first is judged and answered, the second neither; on its own it is refused',
  async () => {
    await inScene(async (scene) => {
      const [origin, other] = [await startRecorder(scene), await startRecorder(scene)];
      const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${origin.port}`] });
      const [allowed, denied] = [origin.port, other.port].map((port) =>
        wire('GET http://ORIGIN/ HTTP/1.1\nHost: ORIGIN\n\n', port),
      );
      const { out } = await python(sandbox, send(`${allowed}${denied}`, false));
      expect(out).toBe('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswered');
      expect(scene.decisions).toMatchObject([{ port: origin.port, isAllowed: true }]);
      expect((await python(sandbox, send(denied ?? '', false))).out).toContain('HTTP/1.1 403 Forbidden');
      expect(scene.decisions).toMatchObject([{ isAllowed: true }, { port: other.port, isAllowed: false }]);
      expect(other.heard()).toBe('');
    });
  },
);
