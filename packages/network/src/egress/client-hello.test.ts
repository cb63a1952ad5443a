import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readClientHello } from './client-hello.ts';

/** What a real client of TLS says first. */
async function realHello(servername: string): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = tls.connect({ port, host: '127.0.0.1', ...(servername !== '' && { servername }) });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [first] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return first;
}

test('the name that a real client asks for', async () => {
  expect(readClientHello(await realHello('www.example.com'))).toEqual({
    kind: 'hello',
    serverName: 'www.example.com',
  });
  expect(readClientHello(await realHello(''))).toEqual({ kind: 'hello', serverName: undefined });
});

test('a hello that is cut anywhere is incomplete, and never anything else', async () => {
  const hello = await realHello('www.example.com');
  for (let length = 0; length < hello.length; length++)
    expect(readClientHello(hello.subarray(0, length)), String(length)).toEqual({ kind: 'incomplete' });
});

test('a hello in many records is the same', async () => {
  const hello = await realHello('www.example.com');
  const body = hello.subarray(5);
  const records = Array.from(body, (byte) => Buffer.from([0x16, 3, 1, 0, 1, byte]));
  expect(readClientHello(Buffer.concat(records))).toEqual({ kind: 'hello', serverName: 'www.example.com' });
});

test('what is no TLS is told from it by its first byte', () => {
  expect(readClientHello(Buffer.from('SSH-2.0'))).toEqual({ kind: 'notTls' });
  expect(readClientHello(Buffer.from([0x16, 2, 0, 0, 1, 1]))).toEqual({ kind: 'malformed' });
  expect(readClientHello(Buffer.from([0x16, 3, 1, 0, 0]))).toEqual({ kind: 'malformed' });
  expect(readClientHello(Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0]))).toEqual({ kind: 'malformed' });
});

test('no change of a hello makes it throw', async () => {
  const hello = await realHello('www.example.com');
  fc.assert(
    fc.property(
      fc.nat({ max: hello.length - 1 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: hello.length }),
      (at, byte, end) => {
        const changed = Buffer.from(hello.subarray(0, end));
        if (at < changed.length) changed[at] = byte;
        readClientHello(changed);
      },
    ),
    { numRuns: 2_000 },
  );
});
