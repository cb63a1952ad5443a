import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { lockName, listLanes, maxLanes, type LaneListing } from './lane-files.ts';
import { isAlive, ownIdentity } from './lock-holder.ts';

/** A lane that this writer alone may write. */
export interface LaneLock {
  readonly lane: number;
  readonly path: string;
  /** Its last writer ended without closing it. */
  readonly isAfterCrash: boolean;
  readonly listing: LaneListing;
}

const attemptsPerLane = 5;

/**
 * Takes the first free lane that `isUsable` accepts.
 *
 * Every writer makes a lock file of its own name (O_EXCL) and looks again: whoever then sees another live lock of the
 * lane withdraws. Two writers can both withdraw, never both stay, and no lock is ever removed but one's own or that of
 * a dead process, so there is no window in which a takeover hits a live lock. (A single lock file would have one:
 * between reading that it is stale and removing it.)
 */
export function lockLane(
  directory: string,
  isUsable: (lane: number, listing: LaneListing) => boolean,
): LaneLock {
  const self = ownIdentity();
  const token = randomBytes(4).toString('hex');
  const locksOf = (lane: number) => {
    const listing = listLanes(directory);
    const others = listing.locks.filter(
      (lock) => lock.lane === lane && !lock.name.endsWith(`.${token}.lock`),
    );
    return { listing, others, isHeld: others.some((lock) => isAlive(lock.holder, self)) };
  };
  for (let lane = 0; lane < maxLanes; lane++) {
    for (let attempt = 0; attempt < attemptsPerLane; attempt++) {
      if (locksOf(lane).isHeld) break;
      const path = join(directory, lockName(lane, self, token));
      closeSync(openSync(path, 'wx', 0o600));
      const seen = locksOf(lane);
      if (!seen.isHeld) {
        if (!isUsable(lane, seen.listing)) {
          unlinkSync(path);
          break;
        }
        for (const dead of seen.others) rmSync(join(directory, dead.name), { force: true });
        return { lane, path, isAfterCrash: seen.others.length > 0, listing: seen.listing };
      }
      unlinkSync(path);
      pause(Math.random() * 2);
    }
  }
  throw new SovereignError({
    reason: 'ledger.unwritable',
    message: `Ledger ${directory}: all ${maxLanes} lanes are taken or damaged.`,
    hint: 'Verify the ledger, and look for processes that hold its lanes (the lock files name them).',
  });
}

/** Waits without letting anything else run: between an intent and its act nothing may come. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
