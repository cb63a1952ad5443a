import type { Bench } from './bench.ts';
import type { Direction } from './stats.ts';

export type Unit = 'ms' | 'MiB' | 'GiB/s' | '/s';

/** One thing that is measured, ours beside the peers' in one run. */
export interface Figure {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  readonly direction: Direction;
  readonly targets: readonly Target[];
  run(bench: Bench): Promise<Measured>;
}

interface Limit {
  readonly limit: 'atMost' | 'atLeast';
  readonly value: number;
}

/** What we promise. A ratio is of medians; `better` counts how many times better ours is, `ofPeer` how much of the peer's ours takes. */
export type Target =
  | (Limit & { readonly kind: 'stat'; readonly stat: 'p50' | 'p99' | 'max' })
  | (Limit & { readonly kind: 'ratio'; readonly as: 'better' | 'ofPeer'; readonly peer: string })
  | (Limit & { readonly kind: 'fact'; readonly fact: string });

export interface Measured {
  readonly ours: Series;
  readonly peers: readonly Series[];
  /** Numbers beside the samples, for example growth of memory. */
  readonly facts?: readonly Fact[];
}

export interface Fact {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Samples of one side, or why there are none. */
export interface Series {
  readonly name: string;
  readonly samples: readonly number[];
  readonly absent?: string;
}

/** Something that this host may not have. */
export type Available<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export const available = <T>(value: T): Available<T> => ({ ok: true, value });
export const absent = (reason: string): { readonly ok: false; readonly reason: string } => ({
  ok: false,
  reason,
});
