import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findShelld, LaunchHelper } from '@sovereign/guest';
import { skipOrFail, verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copySparse, prepareRoot } from './prepare-root.ts';

let directory: string;
let helper: LaunchHelper;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'svr-'));
  helper = new LaunchHelper({ shelldPath: findShelld() });
  writeFileSync(join(directory, 'image'), 'image', { mode: 0o644 });
  writeFileSync(join(directory, 'own-disk'), 'disk', { mode: 0o600 });
});
afterEach(async () => {
  await helper.close();
  rmSync(directory, { recursive: true, force: true });
});

const files = () => [
  { name: 'base', source: join(directory, 'image'), isWritable: false },
  { name: 'disk', source: join(directory, 'own-disk'), isWritable: true },
];

verifies(
  'R-TIER-4',
  'in a jail stand files and no links out of it, and the monitor owns what it writes alone',
  async (context) => {
    if (process.geteuid?.() !== 0) skipOrFail(context, 'root', 'only root gives files to other users');
    const root = join(directory, 'root');
    for (let again = 0; again < 2; again++)
      await prepareRoot({ helper, root, files: files(), uid: 1_700_000_000 });
    for (const name of ['base', 'disk']) expect(lstatSync(join(root, name)).isSymbolicLink()).toBe(false);
    expect(statSync(join(root, 'base'))).toMatchObject({ uid: 0 });
    expect(statSync(join(root, 'base')).mode & 0o022).toBe(0);
    expect(statSync(join(root, 'disk')).uid).toBe(1_700_000_000);
    expect(statSync(root).uid).toBe(1_700_000_000);
    expect(statSync(join(root, 'disk')).ino).toBe(statSync(join(directory, 'own-disk')).ino);
  },
);

test('without a jail they are links to where things are', async () => {
  const root = join(directory, 'root');
  await prepareRoot({ helper, root, files: files(), uid: undefined });
  expect(readlinkSync(join(root, 'base'))).toBe(join(directory, 'image'));
  expect(readFileSync(join(root, 'disk'), 'utf8')).toBe('disk');
});

test('a copy that cannot be made leaves nothing half', async () => {
  const target = join(directory, 'copy');
  await expect(copySparse(helper, join(directory, 'not-there'), target)).rejects.toMatchObject({
    reason: 'sandbox.create-failed',
  });
  expect(lstatSync(target, { throwIfNoEntry: false })).toBeUndefined();
});
