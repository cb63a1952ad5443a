import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { QmpClient, type QmpEvent } from './qmp-client.ts';

const greeting =
  '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22},"package":"Debian"},"capabilities":[]}}\r\n';

let directory = '';
let server: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'svq-'));
});

afterEach(async () => {
  server?.close();
  await rm(directory, { recursive: true, force: true });
});

/** A monitor that greets and answers each line by what `answer` makes of it. */
async function monitor(answer: (command: string, id: number, socket: Socket) => void): Promise<string> {
  const path = join(directory, 'qmp');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.on('data', (data) => {
      for (const line of data.toString().split('\n').filter(Boolean)) {
        const { execute, id } = JSON.parse(line) as { execute: string; id: number };
        if (execute === 'qmp_capabilities') socket.write(`{"return":{},"id":${id}}\r\n`);
        else answer(execute, id, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

test('answers reach who asked, in any order and cut anywhere; events go to the listener', async () => {
  const waiting: number[] = [];
  const path = await monitor((command, id, socket) => {
    waiting.push(id);
    if (command !== 'second') return;
    const text = `{"event":"STOP","data":{}}\r\n{"return":"b","id":${id}}\r\n{"return":"a","id":${waiting[0] ?? 0}}\r\n`;
    socket.write(text.slice(0, 30));
    setImmediate(() => socket.write(text.slice(30)));
  });
  const events: string[] = [];
  const client = await QmpClient.connect(path, {
    timeoutMs: 5_000,
    onEvent: ({ event }) => events.push(event),
  });
  expect(client.version).toBe('QEMU 7.2.22 Debian');
  expect(await Promise.all([client.execute('first'), client.execute('second')])).toEqual(['a', 'b']);
  expect(events).toEqual(['STOP']);
  await client.close();
});

test('an event that is waited for is the one that matches, and the end of the monitor ends the wait', async () => {
  const path = await monitor((command, id, socket) => {
    if (command === 'quit') return socket.end();
    const status = (name: string): string => `{"event":"MIGRATION","data":{"status":"${name}"}}\r\n`;
    return socket.write(`${status('setup')}{"return":{},"id":${id}}\r\n${status('completed')}`);
  });
  const client = await QmpClient.connect(path, { timeoutMs: 5_000 });
  const isOver = ({ data }: QmpEvent): boolean => JSON.stringify(data) === '{"status":"completed"}';
  const over = client.event(isOver, 5_000);
  await client.execute('migrate');
  expect(await over).toEqual({ event: 'MIGRATION', data: { status: 'completed' } });
  const never = client.event(() => false, 5_000);
  const quit = client.execute('quit');
  await expect(never).rejects.toMatchObject({ reason: 'channel.closed' });
  await expect(quit).rejects.toMatchObject({ reason: 'channel.closed' });
  await client.close();
});

test('a command that is refused says why', async () => {
  const path = await monitor((_command, id, socket) => {
    socket.write(`{"error":{"class":"GenericError","desc":"no such device"},"id":${id}}\r\n`);
  });
  const client = await QmpClient.connect(path, { timeoutMs: 5_000 });
  await expect(client.execute('eject')).rejects.toThrow('no such device');
  await client.close();
});

test.each([
  ['no JSON', 'garbage\r\n'],
  ['JSON that is no message', '{"return":1,"id":"x"}\r\n'],
  ['an answer that nobody asked for', '{"return":1,"id":999}\r\n'],
  ['a line without an end', 'x'.repeat(300_000)],
])('%s ends it with channel.protocol', async (_title, text) => {
  const path = await monitor((_command, _id, socket) => socket.write(text));
  const client = await QmpClient.connect(path, { timeoutMs: 5_000 });
  await expect(client.execute('query-status')).rejects.toMatchObject({ reason: 'channel.protocol' });
  await client.close();
});

test('a monitor that ends in the middle fails what waits', async () => {
  const path = await monitor((_command, _id, socket) => socket.destroy());
  const client = await QmpClient.connect(path, { timeoutMs: 5_000 });
  await expect(client.execute('query-status')).rejects.toMatchObject({ reason: 'channel.closed' });
  await expect(client.execute('query-status')).rejects.toMatchObject({ reason: 'channel.closed' });
});

test('a monitor that does not greet is given up', async () => {
  const path = join(directory, 'qmp');
  server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  await expect(QmpClient.connect(path, { timeoutMs: 50 })).rejects.toMatchObject({
    reason: 'channel.timeout',
  });
});
