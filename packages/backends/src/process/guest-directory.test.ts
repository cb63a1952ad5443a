import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processIdentity } from '@sovereign/core';
import { ownDirectory, sweepStale } from './guest-directory.ts';

const id = 'sbx_000000000001';
let root = '';
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'gd-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('directories of guests of the process tier', () => {
  test('are named after the process that owns them', () => {
    const own = processIdentity(process.pid);
    expect(ownDirectory(id)).toBe(`process-${process.pid}-${own?.startTicks}-${id}`);
  });

  test('go when their process is gone, also when its pid is taken by another', () => {
    const stale = [
      `process-999999999-1-${id}`,
      `process-${process.pid}-1-${id}`,
      `process-1-99999999999-${id}`,
    ];
    for (const name of stale) {
      mkdirSync(join(root, name, 'home'), { recursive: true });
      writeFileSync(join(root, name, 'home', 'file'), '');
    }
    mkdirSync(join(root, ownDirectory(id)));
    sweepStale(root);
    expect(readdirSync(root)).toEqual([ownDirectory(id)]);
  });

  test('nothing else is touched: other names, other tiers, what a link leads to', () => {
    const others = [
      'process-1-1',
      `process-x-1-${id}`,
      `process-999999999-1-${id}.old`,
      `a-process-999999999-1-${id}`,
      `process-999999999-1-sbx_SHORT`,
      `${id}.sock`,
    ];
    for (const name of others) mkdirSync(join(root, name));
    mkdirSync(join(root, 'kept', 'inner'), { recursive: true });
    symlinkSync(join(root, 'kept'), join(root, `process-999999998-1-${id}`));
    sweepStale(root);
    expect(readdirSync(root).sort()).toEqual([...others, 'kept'].sort());
    expect(existsSync(join(root, 'kept', 'inner'))).toBe(true);
  });

  test('a directory that is not there is nothing to sweep', () => {
    expect(() => sweepStale(join(root, 'absent'))).not.toThrow();
  });
});
