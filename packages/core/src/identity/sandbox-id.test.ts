import { expect, test } from 'vitest';
import { createSandboxId, isSandboxId, parseSandboxId } from './sandbox-id.ts';

test('an id has the documented shape and repeats with its randomness', () => {
  expect(isSandboxId(createSandboxId())).toBe(true);
  expect(createSandboxId((n) => new Uint8Array(n).fill(1))).toBe('sbx_111111111111');
});

test('bytes that would favour some characters are not used', () => {
  let calls = 0;
  const id = createSandboxId((n) => new Uint8Array(n).fill(calls++ === 0 ? 255 : 35));
  expect(id).toBe('sbx_zzzzzzzzzzzz');
  expect(calls).toBe(2);
});

test.each(['', 'sbx_', 'sbx_11111111111', 'sbx_1111111111111', 'sbx_11111111111Z', '../sbx_111111111'])(
  '%j is no id',
  (text) => {
    expect(() => parseSandboxId(text)).toThrow(expect.objectContaining({ reason: 'argument.invalid' }));
  },
);
