import type { TierReport } from '@sovereign/protocol';
import type { Action, Actor, Outcome } from '../contract/action.ts';

/** Where an action runs, as every record of it says: with the names of the layers that were verified active (R-TIER-10). */
export type LedgerRuntime = Pick<TierReport, 'type' | 'tier' | 'isIsolated'> &
  Partial<Pick<TierReport, 'layers'>>;

/**
 * Where every action is written down: the intent before it is done, the outcome before the reply.
 *
 * Both calls are synchronous: a record is with the kernel when they return, so that nothing can be done between the
 * decision and its record.
 */
export interface Ledger {
  /**
   * Records that an action is about to be done and returns its id.
   * @throws SovereignError `ledger.unwritable`: the action must not be done.
   */
  intent(action: Action, actor: Actor, runtime: LedgerRuntime): string;
  /**
   * Records what became of it.
   * @throws SovereignError `ledger.unwritable` when not even the reserve had room.
   */
  outcome(id: string, runtime: LedgerRuntime, outcome: Outcome): void;
  /** Closes the lane, so that its end is known to be one. Safe to call twice. */
  close(): void;
}

/**
 * When a record is forced to the disk.
 *
 * - `never` (default): a record is with the kernel when the call returns. It survives a crash or kill of this process,
 *   not a loss of power, which takes what the kernel had not written yet (usually the last 5 to 30 seconds).
 * - `intent`: intents are on the disk before the action is done; an outcome may be lost with the power.
 * - `always`: every record.
 */
export const fsyncModes = ['never', 'intent', 'always'] as const;
export type FsyncMode = (typeof fsyncModes)[number];
