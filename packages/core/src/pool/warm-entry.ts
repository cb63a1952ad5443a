import type { TierReport } from '@sovereign/protocol';
import type { Guest } from '../contract/backend.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';

/** A guest that is up, verified and connected to, and nobody's yet. */
export interface WarmEntry {
  readonly guest: Guest;
  readonly channel: GuestChannel;
  readonly report: TierReport;
  /** What it counts for in the pool's budget: its limit, or what it was measured to use when it was up. */
  readonly memoryBytes: number;
}

/** Where a pool gets its entries, and who takes them away. */
export interface EntrySource {
  /** Brings one up. When it fails or is cancelled, nothing of it is left. */
  make(signal: AbortSignal): Promise<WarmEntry>;
  /** Removes one that nobody claimed. May be called again when it failed. */
  dispose(entry: WarmEntry): Promise<void>;
  /** Lets go of what it keeps to make entries faster. May be called again when it failed. */
  close(): Promise<void>;
}
