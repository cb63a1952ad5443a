import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { channelLimits } from '@sovereign/protocol';
import { connectPort } from './port-stream.ts';

const greeting = Buffer.from('SOVEREIGN\r\nPORT\n');

let directory = '';
let server: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'svo-'));
});

afterEach(async () => {
  server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function port(serve: (socket: Socket) => void): Promise<string> {
  const path = join(directory, '0');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

/** The guest's part, after whatever an earlier conversation left. */
function guest(stale: Buffer, staleAnswer: Buffer): (socket: Socket) => void {
  return (socket) => {
    socket.write(Buffer.concat([stale, greeting]));
    let heard = Buffer.alloc(0);
    let isServing = false;
    socket.on('data', (data) => {
      if (isServing) {
        socket.write(data);
        return;
      }
      heard = Buffer.concat([heard, data]);
      // What comes before the host's part of the exchange is stale: its knock.
      const at = heard.indexOf(greeting);
      if (at < 0 || heard.byteLength < at + greeting.byteLength + 16) return;
      isServing = true;
      socket.write(Buffer.concat([staleAnswer, heard.subarray(at)]));
    });
  };
}

test.each([
  ['nothing stale', Buffer.alloc(0), Buffer.alloc(0)],
  ['stale output', randomBytes(100_000), Buffer.alloc(0)],
  ['a stale greeting', Buffer.alloc(0), greeting],
  ['a stale exchange', randomBytes(10), Buffer.concat([greeting, randomBytes(16)])],
])('a conversation begins after %s', async (_title, stale, staleAnswer) => {
  const path = await port(guest(stale, staleAnswer));
  const stream = await connectPort(path, { timeoutMs: 5_000 });
  void stream.write(Buffer.from('ping'));
  for await (const chunk of stream) {
    expect(Buffer.from(chunk).toString()).toBe('ping');
    break;
  }
  await stream.close();
});

test('its signal ends the beginning of a conversation, and none that has begun', async () => {
  const begun = new AbortController();
  const path = await port(guest(Buffer.alloc(0), Buffer.alloc(0)));
  const stream = await connectPort(path, { timeoutMs: 5_000, signal: begun.signal });
  begun.abort();
  void stream.write(Buffer.from('ping'));
  const { value } = await stream[Symbol.asyncIterator]().next();
  expect(Buffer.from(value ?? []).toString()).toBe('ping');
  await stream.close();
  server?.close();
  await rm(path, { force: true });
  const beginning = new AbortController();
  const silent = await port(() => beginning.abort());
  await expect(connectPort(silent, { timeoutMs: 5_000, signal: beginning.signal })).rejects.toMatchObject({
    reason: 'operation.cancelled',
  });
});

test('the first that a host says is no frame, so that a conversation that lives on in the guest ends', async () => {
  const heard: Buffer[] = [];
  const path = await port((socket) => {
    socket.on('data', (data) => {
      heard.push(data);
      socket.end();
    });
  });
  await expect(connectPort(path, { timeoutMs: 5_000 })).rejects.toMatchObject({ reason: 'channel.closed' });
  expect(Buffer.concat(heard).readUInt32LE(0)).toBeGreaterThan(channelLimits.maxPayloadBytes);
});

test('a guest that does not greet is given up', async () => {
  const path = await port(() => undefined);
  await expect(connectPort(path, { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'channel.timeout' });
});

test('a guest that floods and never greets is given up', async () => {
  const flood = Buffer.alloc(1024 * 1024, 'x');
  const path = await port((socket) => {
    for (let sent = 0; sent < 6; sent++) socket.write(flood);
  });
  await expect(connectPort(path, { timeoutMs: 20_000 })).rejects.toMatchObject({
    reason: 'channel.protocol',
  });
});

test('a machine that ends meanwhile is channel.closed', async () => {
  const path = await port((socket) => socket.end());
  await expect(connectPort(path, { timeoutMs: 5_000 })).rejects.toMatchObject({ reason: 'channel.closed' });
});
