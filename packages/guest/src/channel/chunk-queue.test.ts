import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkQueue, isWorthKeeping } from './chunk-queue.ts';

function drain(queue: ChunkQueue): {
  readonly streams: readonly number[];
  readonly text: readonly [string, string];
  readonly heldBytes: number;
} {
  const parts: [string[], string[]] = [[], []];
  const streams: number[] = [];
  let heldBytes = 0;
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    streams.push(item.stream);
    parts[item.stream === 0 ? 0 : 1].push(Buffer.from(item.data).toString('latin1'));
    heldBytes += item.data.buffer.byteLength;
  }
  return { streams, text: [parts[0].join(''), parts[1].join('')], heldBytes };
}

test('bytes of each stream come out as they went in', () => {
  const piece = fc.record({
    stream: fc.constantFrom(0, 1),
    data: fc.uint8Array({ minLength: 1, maxLength: 50 }),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 800 }), (pieces) => {
      const queue = new ChunkQueue();
      for (const { stream, data } of pieces) queue.push(stream, data);
      const expected = ([0, 1] as const).map((stream) =>
        Buffer.concat(pieces.filter((each) => each.stream === stream).map((each) => each.data)).toString(
          'latin1',
        ),
      );
      expect(drain(queue).text).toEqual(expected);
      expect(queue.isEmpty).toBe(true);
    }),
  );
});

test('single bytes of both streams in turn cost memory in proportion to their number, not entries', () => {
  const queue = new ChunkQueue();
  const chunk = new Uint8Array(262_144);
  const total = 1_000_000;
  for (let index = 0; index < total; index++)
    queue.push(index % 2 === 0 ? 0 : 1, chunk.subarray(index % 1_000, (index % 1_000) + 1));
  const { streams, heldBytes } = drain(queue);
  expect(streams.length).toBeLessThan(400);
  expect(heldBytes).toBeLessThan(3 * total);
});

test('few pieces keep the order in which the streams were written', () => {
  const queue = new ChunkQueue();
  for (const stream of [0, 1, 1, 0, 1] as const) queue.push(stream, Uint8Array.of(1));
  expect(drain(queue).streams).toEqual([0, 1, 0, 1]);
});

test('a large piece is kept as it is, a small view of a large buffer is copied', () => {
  const chunk = new Uint8Array(4_000);
  expect(isWorthKeeping(chunk.subarray(0, 2_400))).toBe(true);
  expect(isWorthKeeping(chunk.subarray(0, 6))).toBe(false);
  expect(isWorthKeeping(Uint8Array.of(1))).toBe(false);
  const queue = new ChunkQueue();
  expect(queue.push(0, chunk.subarray(9))).toBe(true);
  expect(queue.push(0, chunk.subarray(0, 6))).toBe(false);
  expect(queue.shift()?.data.buffer).toBe(chunk.buffer);
  expect(queue.shift()?.data.buffer.byteLength).toBe(6);
});
