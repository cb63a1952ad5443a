import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type * as FsModule from 'node:fs';
import { lockHolderIsAlive, releaseLock, tryLock } from './owner-lock.ts';

type Fs = typeof FsModule;

const fs = vi.hoisted(() => ({ beforeRename: undefined as (() => void) | undefined }));
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<Fs>();
  return {
    ...real,
    renameSync: (from: string, to: string) => {
      fs.beforeRename?.();
      real.renameSync(from, to);
    },
  };
});

const stale = JSON.stringify({ pid: 2 ** 22 + 1, startTicks: 1, bootId: 'none' });

describe('owner lock', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'owner-lock-'));
    path = join(directory, 'lock');
    fs.beforeRename = undefined;
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  test('one holds it until it is given back', () => {
    expect(tryLock(path)).toBe(true);
    expect(lockHolderIsAlive(path)).toBe(true);
    expect(tryLock(path)).toBe(false);
    releaseLock(path);
    expect(lockHolderIsAlive(path)).toBe(false);
    expect(tryLock(path)).toBe(true);
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  test('one of a process that is gone, or that names none, is taken over', () => {
    for (const left of [stale, '', '[]', 'x', '{"pid":"1"}']) {
      writeFileSync(path, left);
      expect(tryLock(path)).toBe(true);
      expect(lockHolderIsAlive(path)).toBe(true);
      releaseLock(path);
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  test('of two who find it stale, the second does not take away the lock of the first', () => {
    const held = JSON.stringify(liveIdentity());
    writeFileSync(path, stale);
    fs.beforeRename = () => {
      // The first has taken it over between our look and our rename.
      fs.beforeRename = undefined;
      writeFileSync(path, held);
    };
    expect(tryLock(path)).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(held);
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  test('a place where no lock can be is an error, not a lock that is never free', () => {
    expect(() => tryLock(join(directory, 'absent', 'lock'))).toThrow(/ENOENT/);
    expect(() => tryLock(directory)).toThrow(/EISDIR/);
    expect(existsSync(directory)).toBe(true);
  });

  test('of several processes exactly one gets one that is stale', async () => {
    writeFileSync(path, stale);
    const racers = [1, 2, 3].map(() => new Racer(path));
    for (const racer of racers) expect(await racer.line()).toBe('ready');
    for (const racer of racers) racer.go();
    const outcomes = await Promise.all(racers.map((racer) => racer.line()));
    await Promise.all(racers.map((racer) => racer.end()));
    expect(outcomes.toSorted()).toEqual(['held', 'not', 'not']);
  });
});

function liveIdentity(): unknown {
  const other = mkdtempSync(join(tmpdir(), 'owner-lock-'));
  try {
    tryLock(join(other, 'lock'));
    return JSON.parse(readFileSync(join(other, 'lock'), 'utf8'));
  } finally {
    rmSync(other, { recursive: true });
  }
}

/** A process that tries the lock when it is told to, and lives on until it is ended. */
class Racer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    const source = `
      import { tryLock } from ${JSON.stringify(new URL('./owner-lock.ts', import.meta.url).href)};
      process.stdin.once('data', () => console.log(tryLock(process.argv[1]) ? 'held' : 'not'));
      console.log('ready');`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', source, path];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value } = await this.#lines.next();
    return String(value);
  }

  go(): void {
    this.#child.stdin.write('go');
  }

  async end(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}
