import { setTimeout as delay } from 'node:timers/promises';
import { releaseLock, tryLock } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

/** How long another process may hold a lock: far above the longest work that is done under one. */
const waitMs = 60_000;
const pauseMs = 5;

/**
 * Runs `work` while nobody else holds the lock of that path; waits for whoever does, in this process or another.
 *
 * @param path file of the lock; it names its owner, so that one left by a crash is taken over.
 * @throws SovereignError `engine.unavailable` when it is not free after a minute.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + waitMs;
  while (!tryLock(path)) {
    if (performance.now() > deadline) throw stuck(path);
    await delay(pauseMs);
  }
  try {
    return await work();
  } finally {
    releaseLock(path);
  }
}

function stuck(path: string): SovereignError {
  return new SovereignError({
    reason: 'engine.unavailable',
    message: `Another process has held a lock for ${waitMs / 1000} s: ${path}.`,
    hint: 'See what it is doing: its process id is in that file.',
    context: { path },
  });
}
