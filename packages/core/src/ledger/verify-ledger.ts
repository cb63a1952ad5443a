import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { listLanes, segmentName, type LaneListing } from './lane-files.ts';
import { LaneVerifier } from './lane-verifier.ts';
import { isAlive, ownIdentity } from './lock-holder.ts';
import { noHash } from './record-line.ts';
import { segmentLines } from './segment-lines.ts';

export interface LedgerProblem {
  readonly lane: number;
  /** Line within the lane, counted from 1 over all its segments; 0 for the lane as a whole. */
  readonly line: number;
  readonly what: string;
}

export interface LedgerVerdict {
  readonly ok: boolean;
  readonly lanes: number;
  readonly records: number;
  /** At most 1,000. */
  readonly problems: readonly LedgerProblem[];
  /** Ids of actions that began and of which no outcome is known: in flight, or cut off by a crash. At most 1,000 are named. */
  readonly intentsWithoutOutcome: readonly string[];
}

const maxProblems = 1_000;

/**
 * Checks a ledger without trusting a byte of it: every record has its own hash, continues the one before, and every lane
 * begins where the lane before it began, so that a changed byte, a line removed, repeated or moved and a missing lane show.
 *
 * What a chain alone cannot show is the removal of the newest records of a lane together with forged lock files: that
 * takes a copy of the last hash elsewhere. A lane that was closed, or whose writer is gone, has to end accordingly.
 */
export async function verifyLedger(directory: string): Promise<LedgerVerdict> {
  await requireDirectory(directory);
  const listing = listLanes(directory);
  const self = ownIdentity();
  const problems: LedgerProblem[] = [];
  const open: string[] = [];
  let records = 0;
  let lanesSeen = 0;
  let origin = noHash;
  const report = (lane: number, line: number, what: string) => {
    if (problems.length < maxProblems) problems.push({ lane, line, what });
  };
  for (let lane = 0; lane < listing.laneCount; lane++) {
    const verifier = new LaneVerifier({ lane, origin, report: (line, what) => report(lane, line, what) });
    await readLane(directory, lane, listing, verifier);
    // Looked at again after reading: a writer may have come meanwhile.
    const locks = [...listing.locks, ...listLanes(directory).locks].filter((lock) => lock.lane === lane);
    verifier.finish({ isLocked: locks.length > 0, isLive: locks.some((lock) => isAlive(lock.holder, self)) });
    records += verifier.records;
    lanesSeen = Math.max(lanesSeen, verifier.lanesSeen);
    for (const id of verifier.openIntents()) if (open.length < maxProblems) open.push(id);
    origin = verifier.firstHash ?? noHash;
  }
  if (lanesSeen > listing.laneCount)
    report(listing.laneCount, 0, `lane is missing: a record speaks of ${lanesSeen} lanes`);
  return {
    ok: problems.length === 0,
    lanes: listing.laneCount,
    records,
    problems,
    intentsWithoutOutcome: open,
  };
}

async function readLane(
  directory: string,
  lane: number,
  listing: LaneListing,
  verifier: LaneVerifier,
): Promise<void> {
  const segments = listing.segments.get(lane) ?? [];
  const last = segments.at(-1) ?? 0;
  for (let segment = 0; segment <= last; segment++) {
    if (!segments.includes(segment)) {
      verifier.note(`segment ${segmentName(lane, segment)} is missing`);
      continue;
    }
    for await (const batch of segmentLines(join(directory, segmentName(lane, segment)))) {
      for (const line of batch) verifier.take(line);
    }
  }
}

async function requireDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Ledger ${directory}: no such directory (expected the directory of a ledger).`,
    hint: 'Nothing has been recorded there yet, or SOVEREIGN_HOME points elsewhere.',
  });
}
