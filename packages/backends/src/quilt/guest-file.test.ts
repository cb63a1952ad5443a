import { describe, expect, test } from 'vitest';
import { parseGuestFile } from './guest-file.ts';

const guest = { pid: 2, startTicks: 0, bootId: 'b', workspaceOwnership: 'mapped' };
const corrupt: unknown = expect.objectContaining({ reason: 'sandbox.state-corrupt' });

describe('guest.json', () => {
  test('names a process by pid, start time and boot', () => {
    expect(parseGuestFile('p', JSON.stringify(guest))).toEqual(guest);
  });

  test('what names init, nobody, everybody or a group is corrupt', () => {
    for (const change of [
      { pid: 1 },
      { pid: 0 },
      { pid: -1 },
      { pid: -5 },
      { pid: 1.5 },
      { pid: '5' },
      { pid: null },
      { pid: 2 ** 60 },
      { startTicks: -1 },
      { startTicks: 'x' },
      { bootId: 1 },
      { workspaceOwnership: 'root' },
      { more: 1 },
    ]) {
      expect(
        () => parseGuestFile('p', JSON.stringify({ ...guest, ...change })),
        JSON.stringify(change),
      ).toThrow(corrupt);
    }
    expect(() => parseGuestFile('p', '')).toThrow(corrupt);
  });
});
