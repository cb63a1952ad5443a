import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { releaseLock, tryLock } from '../identity/owner-lock.ts';
import { until } from './until.ts';

/** How long an end waits for a start: above what any launch may take, so that who holds it longer is stopped itself. */
const waitMs = 30_000;

/**
 * Runs `start` while no other process starts or ends the same sandbox: two guests on one writable layer would ruin it,
 * and an end would not see what a start has launched and not yet recorded.
 *
 * @param path file of the lock; it names its owner, so that one left by a crash is taken over.
 * @throws SovereignError `sandbox.not-running` when another process is at it, `sandbox.not-found` when it was removed.
 */
export async function withStartLock<T>(path: string, start: () => Promise<T>): Promise<T> {
  const isHeld = tryLockIfThere(path);
  if (isHeld === undefined) throw removed(path);
  if (!isHeld) throw beingStarted(path);
  try {
    return await start();
  } finally {
    releaseLock(path);
  }
}

/**
 * Runs `end` when nobody starts the sandbox, and keeps others from starting it meanwhile. What it ends can always be
 * ended: of a sandbox whose directory is gone there is nothing to lock, and a start that hangs is not waited for longer
 * than any start may take.
 */
export async function withoutStart<T>(path: string, end: () => Promise<T>): Promise<T> {
  let isHeld: boolean | undefined;
  await until(() => (isHeld = tryLockIfThere(path)) !== false, waitMs);
  try {
    return await end();
  } finally {
    if (isHeld === true) releaseLock(path);
  }
}

/** Undefined when the directory that the lock would stand in is gone. */
function tryLockIfThere(path: string): boolean | undefined {
  try {
    return tryLock(path);
  } catch (error) {
    if (!existsSync(dirname(path))) return undefined;
    throw error;
  }
}

function beingStarted(path: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Another process is starting or ending this sandbox (${path}).`,
    hint: 'Wait for it, then connect.',
    context: { path },
  });
}

function removed(path: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-found',
    message: `This sandbox has been removed (${dirname(path)}).`,
    hint: 'List what is there with `sovereign ps --all`.',
    context: { path },
  });
}
