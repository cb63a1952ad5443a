import { performance } from 'node:perf_hooks';

/** Time, where a test needs to hold it. */
export interface Clock {
  /** Unix time in milliseconds, whole. */
  nowMs(): number;
  /** Milliseconds that only grow: what durations are measured with. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
