/** Whether less of it is better (time, memory) or more (throughput). */
export type Direction = 'lower' | 'higher';

export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  /** 99 of 100 samples are at least as good: the slow side of times, the low side of throughputs. */
  readonly p99: number;
  readonly max: number;
}

/** @throws RangeError without samples. */
export function summarize(samples: readonly number[], direction: Direction): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    count: sorted.length,
    min: percentile(sorted, 0),
    p50: percentile(sorted, 50),
    p99: percentile(sorted, direction === 'lower' ? 99 : 1),
    max: percentile(sorted, 100),
  };
}

/** The smallest sample that `percent` of all do not exceed (nearest rank): a value that was measured, never one in between. */
function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError('There are no samples.');
  return value;
}
