import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectVsock } from './vsock-handshake.ts';

let directory: string;
let path: string;
let server: net.Server | undefined;
const sockets = new Set<net.Socket>();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'svv-'));
  path = join(directory, 'v');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A monitor that does this with whoever connects. */
async function monitor(serve: (socket: net.Socket) => void): Promise<void> {
  server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
}

/** Answers the first line with these bytes, each piece on its own. */
const answering =
  (...pieces: readonly string[]) =>
  (socket: net.Socket): void => {
    socket.once('data', () => {
      const next = (index: number): void => {
        if (index < pieces.length)
          socket.write(pieces[index] ?? '', 'latin1', () => setImmediate(next, index + 1));
      };
      next(0);
    });
  };

async function firstBytes(stream: AsyncIterable<Uint8Array>, count: number): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString();
    if (text.length >= count) break;
  }
  return text;
}

verifies('R-TIER-4', 'the handshake of a vsock connection, and what comes right behind it', async () => {
  const heard: string[] = [];
  await monitor((socket) => {
    socket.on('data', (data) => {
      heard.push(data.toString());
      if (heard.length === 1) socket.write('OK 1073741824\nhello');
      else socket.write(data);
    });
  });
  const stream = await connectVsock({ path, port: 1024 });
  void stream.write(Buffer.from(' again'));
  expect(await firstBytes(stream, 11)).toBe('hello again');
  expect(heard).toEqual(['CONNECT 1024\n', ' again']);
});

verifies('R-TIER-4', 'an answer in pieces is one answer', async () => {
  await monitor(answering('O', 'K 1', '07', '\n', 'x'));
  const stream = await connectVsock({ path, port: 52 });
  expect(await firstBytes(stream, 1)).toBe('x');
  await stream.close();
});

verifies('R-TIER-4', 'many connections at once do not cross', async () => {
  await monitor((socket) => {
    socket.once('data', (data) => socket.write(`OK 7\n${/\d+/.exec(data.toString())?.[0]}`));
  });
  const ports = Array.from({ length: 50 }, (_, index) => 1_000 + index);
  const streams = await Promise.all(ports.map((port) => connectVsock({ path, port })));
  expect(await Promise.all(streams.map((stream) => firstBytes(stream, 4)))).toEqual(ports.map(String));
});

test.each([
  ['FAILED\n'],
  ['OK\n'],
  ['OK 1 \n'],
  ['OK 01\n'],
  ['OK -1\n'],
  ['ok 1\n'],
  ['OK 12345678901\n'],
  ['OK 1\r\n'],
  ['\n'],
  ['O'.repeat(15)],
  ['OK 1'.repeat(100_000)],
])('%.20j is refused', async (answer) => {
  await monitor(answering(answer));
  await expect(connectVsock({ path, port: 1 })).rejects.toMatchObject({ reason: 'channel.protocol' });
});

test('a monitor that hangs up, at once or in the middle, means that nobody listens', async () => {
  await monitor((socket) => socket.once('data', () => socket.end()));
  await expect(connectVsock({ path, port: 1 })).rejects.toMatchObject({ reason: 'channel.closed' });
  server?.close();
  await monitor((socket) => socket.once('data', () => socket.end('OK 1')));
  await expect(connectVsock({ path, port: 1 })).rejects.toMatchObject({ reason: 'channel.closed' });
});

test('one that says nothing is left after the time that it has, and at once when that is asked for', async () => {
  await monitor(() => undefined);
  await expect(connectVsock({ path, port: 1, timeoutMs: 50 })).rejects.toMatchObject({
    reason: 'channel.timeout',
  });
  const abort = new AbortController();
  const connecting = connectVsock({ path, port: 1, signal: abort.signal });
  setImmediate(() => abort.abort());
  await expect(connecting).rejects.toMatchObject({ reason: 'operation.cancelled' });
});

test('nothing there is channel.closed', async () => {
  await expect(connectVsock({ path, port: 1 })).rejects.toMatchObject({ reason: 'channel.closed' });
});
