/** What decides how many entries a pool brings up next. */
export interface RefillState {
  /** How many are to be ready. */
  readonly size: number;
  readonly ready: number;
  readonly filling: number;
  /** Claims that wait. */
  readonly waiting: number;
  /** How many may be brought up at the same time. */
  readonly concurrency: number;
  readonly budgetBytes: number;
  /** What one entry counts for; undefined until the first one was measured. */
  readonly entryBytes: number | undefined;
  /** After a failure nothing is brought up ahead of time for a while. */
  readonly isResting: boolean;
}

/** How many are kept ready within the budget. Until one was measured that is one, to find out. */
export function warmTarget({
  size,
  budgetBytes,
  entryBytes,
}: Pick<RefillState, 'size' | 'budgetBytes' | 'entryBytes'>): number {
  if (entryBytes === undefined) return 1;
  if (entryBytes === 0) return size;
  return Math.min(size, Math.floor(budgetBytes / entryBytes));
}

/**
 * How many to start now. A claim that waits is served whatever the budget says, since what it gets leaves the pool at
 * once; what is kept ready stays within it.
 */
export function fillsToStart(state: RefillState): number {
  const ahead = state.isResting ? 0 : Math.max(0, warmTarget(state) - state.ready);
  const wanted = state.waiting + ahead - state.filling;
  return Math.max(0, Math.min(wanted, state.concurrency - state.filling));
}

const firstRestMs = 1_000;
const longestRestMs = 60_000;

/** How long a pool rests after so many failures in a row: a second, then twice as long each time, a minute at most. */
export function restMs(failures: number): number {
  return Math.min(longestRestMs, firstRestMs * 2 ** Math.min(failures - 1, 10));
}
