import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectUnixSocket } from './unix-socket.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'socket-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Serves one connection at a time; returns how to end. */
async function serve(path: string, onConnection: (socket: net.Socket) => void): Promise<() => Promise<void>> {
  const server = net.createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}

test('a path of 107 bytes is tried, one of 108 is refused', async () => {
  const base = `${directory}/`;
  const long = base + 'x'.repeat(107 - Buffer.byteLength(base));
  await expect(connectUnixSocket(long)).rejects.toMatchObject({ reason: 'channel.closed' });
  await expect(connectUnixSocket(`${long}x`)).rejects.toMatchObject({ reason: 'socket.path-too-long' });
  await expect(connectUnixSocket(`${long.slice(0, -1)}ü`)).rejects.toMatchObject({
    reason: 'socket.path-too-long',
  });
});

test('cancelled by its signal', async () => {
  await expect(
    connectUnixSocket(join(directory, 'none'), { signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({
    reason: 'operation.cancelled',
  });
});

test('bytes arrive in order whether or not chunks are recycled, and a reader that does not read stops the sender', async () => {
  const path = join(directory, 'flood');
  const total = 64 * 1_048_576;
  let sent = 0;
  const end = await serve(path, (socket) => {
    const piece = Buffer.alloc(65_536);
    const push = (): void => {
      while (sent < total) {
        piece.writeUInt32LE(sent / piece.length);
        sent += piece.length;
        if (!socket.write(Buffer.from(piece))) {
          socket.once('drain', push);
          return;
        }
      }
      socket.end();
    };
    push();
  });
  const stream = await connectUnixSocket(path);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  expect(sent).toBeLessThan(8 * 1_048_576);
  let at = 0;
  let kept: Uint8Array | undefined;
  for await (const chunk of stream) {
    for (let mark = Math.ceil(at / 65_536) * 65_536; mark + 4 <= at + chunk.length; mark += 65_536) {
      expect(Buffer.from(chunk.buffer, chunk.byteOffset).readUInt32LE(mark - at)).toBe(mark / 65_536);
    }
    at += chunk.length;
    if (kept === undefined) kept = chunk;
    else stream.recycle(chunk);
  }
  expect(at).toBe(total);
  expect(Buffer.from(kept ?? []).readUInt32LE()).toBe(0);
  await stream.close();
  await end();
});

test('backpressure of writes shows as a promise, and close lets go of it', async () => {
  const path = join(directory, 'deaf');
  const sockets: net.Socket[] = [];
  const end = await serve(path, (socket) => {
    sockets.push(socket);
    socket.pause();
  });
  const stream = await connectUnixSocket(path);
  let room: Promise<void> | undefined;
  for (let count = 0; room === undefined && count < 100; count++)
    room = stream.write(new Uint8Array(1_048_576));
  expect(room).toBeInstanceOf(Promise);
  await stream.close();
  await room;
  expect(stream.write(Uint8Array.of(1))).toBeUndefined();
  for (const socket of sockets) socket.destroy();
  await end();
});
