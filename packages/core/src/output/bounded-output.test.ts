import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedOutput } from './bounded-output.ts';
import { outputText } from './output-text.ts';

function naive(chunks: readonly Uint8Array[], head: number, tail: number) {
  const all = Buffer.concat(chunks);
  const headPart = all.subarray(0, head);
  const rest = all.subarray(headPart.length);
  const tailPart = tail === 0 ? Buffer.alloc(0) : rest.subarray(Math.max(0, rest.length - tail));
  const bytes = Buffer.concat([headPart, tailPart]);
  return {
    bytes: [...bytes],
    totalBytes: all.length,
    droppedBytes: all.length - bytes.length,
    headBytes: headPart.length,
  };
}

test('head, tail and the count of dropped bytes are those of a model that keeps everything', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }),
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 0, max: 50 }),
      (chunks, headBytes, tailBytes) => {
        const output = new BoundedOutput({ headBytes, tailBytes });
        for (const chunk of chunks) {
          const reused = Uint8Array.from(chunk);
          output.push(reused);
          reused.fill(0xee);
        }
        const result = output.finish();
        expect({ ...result, bytes: [...result.bytes] }).toEqual(naive(chunks, headBytes, tailBytes));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the growth of large buffers keeps every byte', () => {
  const output = new BoundedOutput({ headBytes: 10_000, tailBytes: 20_000 });
  const chunks = Array.from({ length: 97 }, (_, index) =>
    new Uint8Array(997).map((__, at) => (index * 31 + at) & 0xff),
  );
  for (const chunk of chunks) output.push(chunk);
  const result = output.finish();
  expect({ ...result, bytes: [...result.bytes] }).toEqual(naive(chunks, 10_000, 20_000));
});

test('text never holds half a character at the gap, and says how much is missing', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 30 }),
      (text, headBytes, tailBytes) => {
        const bytes = new TextEncoder().encode(text);
        const output = new BoundedOutput({ headBytes, tailBytes });
        output.push(bytes);
        const finished = output.finish();
        const shown = outputText(finished);
        if (finished.droppedBytes === 0) {
          expect(shown).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
          return;
        }
        const match = /^([^]*)\n… (\d+) bytes dropped …\n([^]*)$/u.exec(shown);
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
        expect(whole.startsWith(match?.[1] ?? '?')).toBe(true);
        expect(whole.endsWith(match?.[3] ?? '?')).toBe(true);
        const kept = new TextEncoder().encode((match?.[1] ?? '') + (match?.[3] ?? '')).length;
        expect(Number(match?.[2])).toBe(bytes.length - kept);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('bytes that are not UTF-8 are shown and not swallowed', () => {
  const output = new BoundedOutput();
  output.push(Uint8Array.of(0x61, 0xff, 0x80, 0x62));
  expect(outputText(output.finish())).toBe('a\ufffd\ufffdb');
});
