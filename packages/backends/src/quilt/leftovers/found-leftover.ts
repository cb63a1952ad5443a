import type { Leftover } from '@sovereign/core';

/** A leftover, and how it is removed. */
export interface FoundLeftover extends Leftover {
  remove(): Promise<void>;
}

/** Finds leftovers of one room. Looking changes nothing. */
export type LeftoverSource = () => Iterable<FoundLeftover>;
