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
    if (lockHolderIsAlive(path)) return false;
    takeAway(path);
  }
}

export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

/** By a link to a file that is whole, so that nobody ever reads half a lock. */
function linkOwn(path: string): boolean {
  const whole = ownedName(path);
  writeFileSync(whole, JSON.stringify(processIdentity(process.pid) ?? {}), { mode: 0o600 });
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole, { force: true });
  }
}

/** Whether the process that such a file names lives; false where there is none. */
export function lockHolderIsAlive(path: string): boolean {
  try {
    const holder = parseBoundedJson(readFileSync(path, 'utf8'), lockLimits);
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

/** By a rename, which only one of several who find the lock stale can do. */
function takeAway(path: string): void {
  const aside = ownedName(path);
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  rmSync(aside, { force: true });
}
