import type { BackendName } from '@sovereign/protocol';

/** A warm pool as it is at this moment. */
export interface PoolStatus {
  readonly name: string;
  readonly backend: BackendName;
  /** How many it is to keep ready. */
  readonly size: number;
  readonly ready: number;
  /** Being brought up. */
  readonly filling: number;
  /** Claims that wait for one. */
  readonly waiting: number;
  /** Handed out so far. */
  readonly claimed: number;
  /** Found dead before anybody claimed them, so far. */
  readonly lost: number;
  /** What the ready ones count for, and what they may. */
  readonly memoryBytes: number;
  readonly budgetBytes: number;
  /** How the next one comes up: resumed from a snapshot where the backend has them, else booted. */
  readonly refill: 'boot' | 'snapshot';
  /** Why it keeps fewer ready than its size: the last failure, or the budget. */
  readonly problem?: string;
}
