import type { Duplex } from 'node:stream';
import { SovereignError } from '@sovereign/protocol';
import type { ByteStream } from '@sovereign/core';
import { streamOfStdioPair } from '@sovereign/guest';

const headerBytes = 8;
const stdout = 1;
const stderr = 2;
/** Far above what an engine puts into one piece. */
const maxPieceBytes = 16 * 1024 * 1024;
const maxComplaintBytes = 4_096;

/**
 * The byte stream of a process that an engine runs for us: what we write goes to its stdin as it is, what it writes
 * comes in pieces of `u8 stream · 3 zero bytes · u32 length (big-endian)` (Docker Engine API, "Stream format").
 *
 * SAFETY: only those headers are taken; anything else ends the stream with `channel.protocol`. The length is checked
 * before anything is kept, and what the process says on stderr never enters the channel. Held by relay-stream.test.ts.
 */
export function relayStream(connection: Duplex): ByteStream {
  const pair = streamOfStdioPair({ input: connection, output: connection });
  return {
    write: (bytes) => pair.write(bytes),
    close: () => pair.close(),
    [Symbol.asyncIterator]: () => demultiplex(pair),
  };
}

async function* demultiplex(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  const header = Buffer.alloc(headerBytes);
  let headerLength = 0;
  let kind = 0;
  let left = 0;
  let complaint = '';
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.byteLength) {
      if (left === 0) {
        const taken = Math.min(headerBytes - headerLength, chunk.byteLength - at);
        header.set(chunk.subarray(at, at + taken), headerLength);
        headerLength += taken;
        at += taken;
        if (headerLength < headerBytes) break;
        headerLength = 0;
        kind = header.readUInt8(0);
        left = header.readUInt32BE(4);
        checkHeader(header, left);
        continue;
      }
      const piece = chunk.subarray(at, at + left);
      at += piece.byteLength;
      left -= piece.byteLength;
      if (kind === stdout) yield piece;
      else if (complaint.length < maxComplaintBytes) complaint += Buffer.from(piece).toString('utf8');
    }
  }
  if (complaint !== '') throw broken('channel.closed', `the relay said: ${complaint.trim().slice(0, 300)}`);
  if (left > 0 || headerLength > 0) throw broken('channel.closed', 'it broke off in the middle of a piece');
  return undefined;
}

function checkHeader(header: Buffer, length: number): void {
  const kind = header.readUInt8(0);
  const isZero = header.readUInt8(1) === 0 && header.readUInt8(2) === 0 && header.readUInt8(3) === 0;
  if ((kind !== stdout && kind !== stderr) || !isZero)
    throw broken('channel.protocol', `a piece with the header ${header.toString('hex')}`);
  if (length > maxPieceBytes) throw broken('channel.protocol', `a piece of ${length} bytes`);
}

function broken(reason: 'channel.closed' | 'channel.protocol', problem: string): SovereignError {
  return new SovereignError({
    reason,
    message: `The stream that the container engine carries is broken: ${problem}.`,
    hint: 'Connect again; when it stays so, look at the log of the engine.',
  });
}
