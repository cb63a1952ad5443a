import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseBoundedJson } from '../config/bounded-json.ts';
import { ownedName } from './owned-name.ts';
import { isAlive, processIdentity } from './process-identity.ts';

const lockLimits = { maxBytes: 1_024, maxDepth: 2 } as const;

/**
 * Takes a lock that is a file naming its owner, so that one left by a process that is gone is taken over.
 *
 * @returns false while somebody else who lives holds it. Give it back by `releaseLock`.
 */
export function tryLock(path: string): boolean {
  for (;;) {
    if (linkOwn(path)) return true;
    const found = readLock(path);
    // Given back between the two looks: what stands there next is another's.
    if (found === undefined) continue;
    if (holderIsAlive(found)) return false;
    takeAway(path, found);
  }
}

export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

/** Whether the process that such a file names lives; false where there is none. */
export function lockHolderIsAlive(path: string): boolean {
  try {
    return holderIsAlive(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

/** By a link to a file that is whole, so that nobody ever reads half a lock. */
function linkOwn(path: string): boolean {
  const whole = ownedName(path);
  writeFileSync(whole, JSON.stringify(processIdentity(process.pid) ?? {}), { mode: 0o600 });
  try {
    return linkUnlessTaken(whole, path);
  } finally {
    rmSync(whole, { force: true });
  }
}

function linkUnlessTaken(from: string, path: string): boolean {
  try {
    linkSync(from, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** What a lock says; undefined where there is none. */
function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function holderIsAlive(content: string): boolean {
  try {
    const holder = parseBoundedJson(content, lockLimits);
    if (typeof holder !== 'object' || holder === null) return false;
    const { pid, startTicks, bootId } = holder as Readonly<Record<string, unknown>>;
    return (
      typeof pid === 'number' &&
      typeof startTicks === 'number' &&
      typeof bootId === 'string' &&
      isAlive({ pid, startTicks, bootId })
    );
  } catch {
    return false;
  }
}

/**
 * Takes a stale lock away by a rename, which only one of several can do. Who comes late moves the lock of the one that
 * was first: it says something else, and is put back.
 */
function takeAway(path: string, stale: string): void {
  const aside = ownedName(path);
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside) !== stale) linkUnlessTaken(aside, path);
  rmSync(aside, { force: true });
}
