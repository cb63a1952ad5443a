import { expect, test } from 'vitest';
import { BuildOutput } from './build-output.ts';

test('lines come whole and clean, however they are cut, and the step is known', () => {
  const lines: string[] = [];
  const output = new BuildOutput((line) => lines.push(line));
  const text = 'STEP 1/2: FROM x\n\u001b[31mred\u001b[0m\u0007\nSTEP 2/2: RUN é\nhalf';
  for (const byte of Buffer.from(text)) output.add(Uint8Array.of(byte));
  output.end();
  expect(lines).toEqual(['STEP 1/2: FROM x', '[31mred[0m', 'STEP 2/2: RUN é', 'half']);
  expect(output.step).toEqual({ number: 2, of: 2, text: 'RUN é' });
  expect(output.tail).toBe('[31mred[0m\nhalf');
});

test('a line without an end is cut', () => {
  const lines: string[] = [];
  const output = new BuildOutput((line) => lines.push(line));
  for (let count = 0; count < 100; count++) output.add(Buffer.alloc(10_000, 0x61));
  output.end();
  expect(lines.map(({ length }) => length)).toEqual([2_000]);
});
