import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withoutStart, withStartLock } from './start-lock.ts';

describe('start lock', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'start-lock-'));
    path = join(directory, 'start.lock');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  test('one starts, another is refused meanwhile, and may afterwards', async () => {
    let finish: () => void = () => undefined;
    const first = withStartLock(path, () => new Promise<void>((resolve) => (finish = resolve)));
    await expect(withStartLock(path, () => Promise.resolve())).rejects.toMatchObject({
      reason: 'sandbox.not-running',
    });
    finish();
    await first;
    await expect(withStartLock(path, () => Promise.resolve('started'))).resolves.toBe('started');
    expect(existsSync(path)).toBe(false);
  });

  test('a lock of a process that has gone, or that says nothing, is taken over', async () => {
    for (const left of [JSON.stringify({ pid: 2 ** 22 + 1, startTicks: 1, bootId: 'none' }), '', '[]', 'x']) {
      writeFileSync(path, left);
      await expect(withStartLock(path, () => Promise.resolve('started'))).resolves.toBe('started');
    }
  });

  test('a start that fails lets go', async () => {
    await expect(withStartLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(path)).toBe(false);
  });

  test('an end waits for a start, and no start begins meanwhile', async () => {
    const order: string[] = [];
    let finish: () => void = () => undefined;
    const started = withStartLock(path, () => new Promise<void>((resolve) => (finish = resolve)));
    const ended = withoutStart(path, async () => {
      order.push('end');
      await expect(withStartLock(path, () => Promise.resolve())).rejects.toMatchObject({
        reason: 'sandbox.not-running',
      });
    });
    await new Promise(setImmediate);
    order.push('start');
    finish();
    await started;
    await ended;
    expect(order).toEqual(['start', 'end']);
    expect(existsSync(path)).toBe(false);
  });

  test('what is gone is ended without a lock, and not started', async () => {
    const gone = join(directory, 'gone', 'start.lock');
    await expect(withStartLock(gone, () => Promise.resolve())).rejects.toMatchObject({
      reason: 'sandbox.not-found',
    });
    await expect(withoutStart(gone, () => Promise.resolve('ended'))).resolves.toBe('ended');
  });
});
