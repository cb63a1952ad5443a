import { channelLimits, encodeFrame, frames } from '@sovereign/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, maxControlBytes, type FrameReceiver } from './frame-reader.ts';

/** What was read, with the pieces of a data frame put together. */
interface Seen {
  readonly code: number;
  readonly channel: number;
  payload: number[];
}

class Recorder implements FrameReceiver {
  readonly seen: Seen[] = [];
  #dataLeft = 0;

  frame(code: number, channel: number, payload: Uint8Array): void {
    expect(this.#dataLeft).toBe(0);
    this.seen.push({ code, channel, payload: [...payload] });
  }

  dataStart(code: number, channel: number, length: number): void {
    expect(this.#dataLeft).toBe(0);
    this.#dataLeft = length;
    this.seen.push({ code, channel, payload: [] });
  }

  data(bytes: Uint8Array): boolean {
    expect(bytes.length).toBeGreaterThan(0);
    expect(bytes.length).toBeLessThanOrEqual(this.#dataLeft);
    this.#dataLeft -= bytes.length;
    this.seen.at(-1)?.payload.push(...bytes);
    return false;
  }
}

const channels = fc.integer({ min: 0, max: 0xffff_ffff });
const anyFrame = fc.oneof(
  fc.record({
    code: fc.constant(frames['exec.stdout'].code),
    channel: channels,
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({
    code: fc.constant(frames['file.data'].code),
    channel: channels,
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({
    code: fc.constant(frames['exec.exited'].code),
    channel: channels,
    payload: fc.uint8Array({ maxLength: 80 }),
  }),
  fc.record({
    code: fc.constant(frames['file.watching'].code),
    channel: channels,
    payload: fc.constant(new Uint8Array(0)),
  }),
);

function encodeRaw({
  code,
  channel,
  payload,
}: {
  code: number;
  channel: number;
  payload: Uint8Array;
}): Uint8Array {
  const bytes = new Uint8Array(channelLimits.headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, code);
  view.setUint32(5, channel, true);
  bytes.set(payload, channelLimits.headerBytes);
  return bytes;
}

/** Cuts bytes at the given places. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const to of [...places, bytes.length]) {
    pieces.push(bytes.slice(from, to));
    from = to;
  }
  return pieces;
}

test('any split of the byte stream yields the same frames', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      (list, cuts) => {
        const recorder = new Recorder();
        const reader = new FrameReader(recorder);
        for (const piece of split(Buffer.concat(list.map(encodeRaw)), cuts)) reader.feed(piece);
        expect(recorder.seen).toEqual(list.map((frame) => ({ ...frame, payload: [...frame.payload] })));
      },
    ),
    { numRuns: 500 },
  );
});

test('one byte at a time yields the same frames', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder);
  const bytes = Buffer.concat([
    encodeFrame('exec.started', 7, { process: 1, pid: 2 }),
    encodeFrame('exec.stdout', 7, { data: Buffer.from('hello') }),
  ]);
  for (const byte of bytes) reader.feed(Uint8Array.of(byte));
  expect(recorder.seen.map(({ code, channel }) => [code, channel])).toEqual([
    [0x21, 7],
    [0x24, 7],
  ]);
  expect(Buffer.from(recorder.seen[1]?.payload ?? []).toString()).toBe('hello');
});

test('garbage ends with channel.protocol or is read, and never hangs or keeps more than a frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
      let dataBytes = 0;
      const reader = new FrameReader({
        frame: (_code, _channel, payload) => {
          expect(payload.length).toBeLessThanOrEqual(maxControlBytes);
        },
        dataStart: (_code, _channel, length) => {
          expect(length).toBeLessThanOrEqual(channelLimits.maxPayloadBytes);
        },
        data: (bytes) => {
          dataBytes += bytes.length;
          return false;
        },
      });
      try {
        for (const chunk of chunks) reader.feed(chunk);
      } catch (error) {
        expect(error).toMatchObject({ reason: 'channel.protocol' });
      }
      expect(dataBytes).toBeLessThanOrEqual(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  ['data above the largest payload', frames['exec.stdout'].code, channelLimits.maxPayloadBytes + 1],
  ['control above its limit', frames['exec.exited'].code, maxControlBytes + 1],
  ['a length of 4 GiB', frames['file.data'].code, 0xffff_ffff],
  ['an unknown type', 0x7f, 0],
  ['a frame that only hosts send', frames['exec.start'].code, 0],
])('%s is refused by its header alone', (_name, code, length) => {
  const header = new Uint8Array(channelLimits.headerBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, true);
  view.setUint8(4, code);
  expect(() => new FrameReader(new Recorder()).feed(header)).toThrow(
    expect.objectContaining({ reason: 'channel.protocol' }),
  );
});

test('the largest frames that are allowed are read', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder);
  reader.feed(
    encodeRaw({ code: frames['exec.listed'].code, channel: 1, payload: new Uint8Array(maxControlBytes) }),
  );
  expect(recorder.seen[0]?.payload.length).toBe(maxControlBytes);
});

test('stream data is passed on as views of the chunk', () => {
  const chunk = encodeFrame('exec.stdout', 1, { data: new Uint8Array(1_000) });
  const views: Uint8Array[] = [];
  const reader = new FrameReader({
    frame: () => undefined,
    dataStart: () => undefined,
    data: (bytes) => views.push(bytes) > 0,
  });
  expect(reader.feed(chunk)).toBe(true);
  expect(
    views.map(({ buffer, byteOffset, length }) => [buffer === chunk.buffer, byteOffset, length]),
  ).toEqual([[true, 9, 1_000]]);
});

test('a Buffer is passed on as a plain Uint8Array, whose slice() is a copy', () => {
  const chunk = Buffer.from(encodeFrame('exec.stdout', 1, { data: Buffer.from('abc') }));
  let copy: Uint8Array | undefined;
  const reader = new FrameReader({
    frame: () => undefined,
    dataStart: () => undefined,
    data: (bytes) => {
      copy = bytes.slice();
      return false;
    },
  });
  reader.feed(chunk);
  chunk.fill(0);
  expect(Buffer.from(copy ?? []).toString()).toBe('abc');
});

test('after stop nothing more of a chunk is passed on', () => {
  let count = 0;
  const reader: FrameReader = new FrameReader({
    frame: () => {
      count++;
      reader.stop();
    },
    dataStart: () => undefined,
    data: () => false,
  });
  reader.feed(Buffer.concat([encodeFrame('file.watching', 1, {}), encodeFrame('file.watching', 1, {})]));
  expect(count).toBe(1);
});
