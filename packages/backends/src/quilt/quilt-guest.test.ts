import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity, unknownSpec, type SandboxId } from '@sovereign/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GuestFile } from './guest-file.ts';
import { QuiltGuest, type QuiltGuestHost } from './quilt-guest.ts';

const id = 'sbx_000000000000' as SandboxId;
const dead: GuestFile = { pid: 2 ** 22 + 1, startTicks: 1, bootId: 'none', workspaceOwnership: 'plain' };

describe('connecting to a guest that ends', () => {
  let directory: string;
  let looks: GuestFile[];
  let guest: QuiltGuest;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quilt-guest-'));
    writeFileSync(join(directory, 'console.log'), 'no such place\n');
    looks = [];
    // Only what connect asks for: any other call of it is a failure of the test.
    const host = {
      state: {
        readGuest: () => (looks.length > 1 ? looks.shift() : looks[0]),
        consolePath: () => join(directory, 'console.log'),
      },
      cgroups: { isFrozen: () => false },
      socketPath: () => join(directory, 'none.sock'),
    } as unknown as QuiltGuestHost;
    guest = new QuiltGuest(unknownSpec(id), host);
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const alive = (): GuestFile => {
    const identity = processIdentity(process.pid);
    if (identity === undefined) throw new Error('this process has no identity');
    return { ...identity, workspaceOwnership: 'plain' };
  };

  test.each([
    ['before we look', () => [dead]],
    ['between two looks', () => [alive(), dead]],
  ])('a new one that ended %s says what it printed', async (_when, states) => {
    guest.isNew = true;
    looks = states();
    await expect(guest.connect()).rejects.toMatchObject({
      reason: 'launcher.failed',
      message: expect.stringContaining('no such place'),
    });
  });

  test('one that was connected to before is not running', async () => {
    looks = [dead];
    await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
  });

  test('one that lives and does not listen says so', async () => {
    guest.isNew = true;
    looks = [alive()];
    await expect(guest.connect()).rejects.toMatchObject({ reason: 'channel.closed' });
  });
});
