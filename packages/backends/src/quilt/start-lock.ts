import { tryLock } from '@sovereign/core';
import { rmSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';

/**
 * Runs `start` while no other process starts the same sandbox: two guests on one writable layer would ruin it.
 *
 * @param path file of the lock; it names its owner, so that one left by a crash is taken over.
 * @throws SovereignError `sandbox.not-running` when another process is at it.
 */
export async function withStartLock<T>(path: string, start: () => Promise<T>): Promise<T> {
  if (!tryLock(path)) throw beingStarted(path);
  try {
    return await start();
  } finally {
    rmSync(path, { force: true });
  }
}

function beingStarted(path: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Another process is starting this sandbox (${path}).`,
    hint: 'Wait for it, then connect.',
    context: { path },
  });
}
