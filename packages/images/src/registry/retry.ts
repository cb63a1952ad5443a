import { setTimeout as wait } from 'node:timers/promises';
import { throwIfCancelled } from '@sovereign/core';
import { pullFailed, Transient } from './registry-errors.ts';

export interface RetryPolicy {
  /** How often something is tried in all before it is given up. Default 5. */
  readonly tries: number;
  /** Pause after the first failure; it doubles, and varies by a half so that clients do not march in step. Default 300 ms. */
  readonly pauseMs: number;
}

/** Runs `work` again after a transient failure. Progress that `work` reports by `hasMoved` begins the count anew. */
export async function retried<T>(
  policy: RetryPolicy,
  host: string,
  signal: AbortSignal | undefined,
  work: (hasMoved: () => void) => Promise<T>,
): Promise<T> {
  for (let failures = 0; ;) {
    throwIfCancelled(signal);
    const progress = { hasMoved: false };
    try {
      return await work(() => (progress.hasMoved = true));
    } catch (error) {
      throwIfCancelled(signal);
      if (!(error instanceof Transient)) throw error;
      failures = progress.hasMoved ? 1 : failures + 1;
      if (failures >= policy.tries) throw pullFailed(host, `${error.message} (tried ${failures} times)`);
      const pauseMs = policy.pauseMs * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      await wait(Math.max(error.waitMs, pauseMs), undefined, signal === undefined ? {} : { signal }).catch(
        () => undefined,
      );
    }
  }
}
