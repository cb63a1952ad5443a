import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { relayStream } from './relay-stream.ts';

/** A connection that says these bytes in pieces of this size, and keeps what it is told. */
function connection(
  bytes: Buffer,
  pieceBytes = bytes.length,
): { readonly duplex: Duplex; readonly told: Buffer[] } {
  const told: Buffer[] = [];
  let at = 0;
  const duplex = new Duplex({
    read() {
      this.push(at < bytes.length ? bytes.subarray(at, (at += pieceBytes)) : null);
    },
    write(chunk: Buffer, _encoding, done) {
      told.push(chunk);
      done();
    },
  });
  return { duplex, told };
}

function piece(kind: number, text: string | Buffer): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

async function read(bytes: Buffer, pieceBytes?: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of relayStream(connection(bytes, pieceBytes).duplex))
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

describe('relayStream', () => {
  const whole = Buffer.concat([piece(1, 'hello '), piece(1, ''), piece(1, 'world')]);

  test('pieces are put together, however they arrive', async () => {
    for (const pieceBytes of [1, 3, 8, 9, whole.length])
      expect(await read(whole, pieceBytes)).toBe('hello world');
  });

  test('what is written goes out as it is', async () => {
    const { duplex, told } = connection(Buffer.alloc(0));
    await relayStream(duplex).write(Buffer.from('abc'));
    expect(Buffer.concat(told).toString()).toBe('abc');
  });

  test('stderr is no part of it, and is what an end is explained with', async () => {
    await expect(read(Buffer.concat([piece(1, 'x'), piece(2, 'no such socket')]))).rejects.toMatchObject({
      reason: 'channel.closed',
      message: expect.stringContaining('no such socket') as unknown,
    });
  });

  test('any other header ends it: streams of other kinds, bytes that are not zero, a length beyond all', async () => {
    const huge = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    for (const hostile of [
      piece(0, 'x'),
      piece(3, 'x'),
      Buffer.from('HTTP/1.1 200 OK'),
      Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 65]),
      huge,
    ])
      await expect(read(hostile)).rejects.toMatchObject({ reason: 'channel.protocol' });
  });

  test('an end in the middle of a piece or a header is no end', async () => {
    await expect(read(piece(1, 'hello').subarray(0, 10))).rejects.toMatchObject({ reason: 'channel.closed' });
    await expect(read(Buffer.from([1, 0]))).rejects.toMatchObject({ reason: 'channel.closed' });
  });
});
