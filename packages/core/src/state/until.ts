import { setTimeout as delay } from 'node:timers/promises';

const longestPauseMs = 20;

/**
 * Looks again and again whether something of the kernel's has come about that nothing tells us of: at first at once,
 * then a little slower each time.
 *
 * @returns false when time is up.
 */
export async function until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 0.2; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    if (condition()) return true;
    if (performance.now() > deadline) return false;
    await delay(pauseMs);
  }
}
