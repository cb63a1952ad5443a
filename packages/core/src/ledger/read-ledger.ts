import { join } from 'node:path';
import { listLanes, segmentName } from './lane-files.ts';
import { claimedHash, parseLink, parseObject, type RecordKind } from './record-line.ts';
import { segmentLines } from './segment-lines.ts';

/** A record as found. Members other than these are `unknown`: a ledger file is input like any other. */
export interface LedgerRecord {
  readonly lane: number;
  readonly seq: number;
  /** Unix time in milliseconds. */
  readonly at: number;
  readonly kind: RecordKind;
  /** Joins an outcome to its intent; empty for records of the lane itself. */
  readonly id: string;
  readonly hash: string;
  /** The whole object: `actor`, `runtime`, `action` or `outcome` among its members. */
  readonly members: Readonly<Record<string, unknown>>;
}

export interface LedgerFilter {
  readonly kinds?: readonly RecordKind[];
  /** Inclusive, Unix milliseconds. */
  readonly sinceMs?: number;
  /** Exclusive. */
  readonly untilMs?: number;
  /** Intents on this sandbox, and their outcomes. */
  readonly sandbox?: string;
  /** Intents of these kinds of action, and their outcomes. */
  readonly actions?: readonly string[];
}

/** Records of all lanes in the order of their time. Does not verify: lines that are no records are passed over. */
export async function* readLedger(
  directory: string,
  filter: LedgerFilter = {},
): AsyncGenerator<LedgerRecord> {
  const listing = listLanes(directory);
  const lanes: { readonly records: AsyncGenerator<LedgerRecord>; next: LedgerRecord }[] = [];
  try {
    for (const [lane, segments] of listing.segments) {
      const records = laneRecords(directory, lane, segments, filter);
      const first = await records.next();
      if (first.done !== true) lanes.push({ records, next: first.value });
    }
    while (lanes.length > 0) {
      const oldest = lanes.reduce((a, b) => (b.next.at < a.next.at ? b : a));
      yield oldest.next;
      const following = await oldest.records.next();
      if (following.done === true) lanes.splice(lanes.indexOf(oldest), 1);
      else oldest.next = following.value;
    }
  } finally {
    for (const lane of lanes) await lane.records.return(undefined);
  }
}

async function* laneRecords(
  directory: string,
  lane: number,
  segments: readonly number[],
  filter: LedgerFilter,
): AsyncGenerator<LedgerRecord> {
  const isWanted = createMatcher(filter);
  for (const segment of segments) {
    for await (const batch of segmentLines(join(directory, segmentName(lane, segment)))) {
      for (const line of batch) {
        const record = line.isTooLong ? undefined : parseRecord(line.bytes, lane);
        if (record !== undefined && isWanted(record)) yield record;
      }
    }
  }
}

function parseRecord(line: Buffer, lane: number): LedgerRecord | undefined {
  const hash = claimedHash(line);
  const link = hash === undefined ? undefined : parseLink(line);
  const members = link && parseObject(line);
  if (hash === undefined || link === undefined || members === undefined) return undefined;
  const at = members['at'];
  return {
    lane,
    seq: link.seq,
    at: typeof at === 'number' ? at : 0,
    kind: link.kind,
    id: link.id,
    hash,
    members,
  };
}

/** Outcomes follow their intent in the same lane, so the ids of intents that matched say which outcomes do. */
function createMatcher(filter: LedgerFilter): (record: LedgerRecord) => boolean {
  const matched = new Set<string>();
  const matchesAction = (record: LedgerRecord): boolean => {
    if (filter.sandbox === undefined && filter.actions === undefined) return true;
    if (record.kind === 'outcome') return matched.delete(record.id);
    const action = record.members['action'];
    if (record.kind !== 'intent' || typeof action !== 'object' || action === null) return false;
    const kind = 'kind' in action ? action.kind : undefined;
    const sandbox = 'sandbox' in action ? action.sandbox : undefined;
    const isMatch =
      (filter.sandbox === undefined || sandbox === filter.sandbox) &&
      (filter.actions === undefined || filter.actions.some((name) => name === kind));
    if (isMatch) matched.add(record.id);
    return isMatch;
  };
  return (record) =>
    matchesAction(record) &&
    (filter.kinds === undefined || filter.kinds.includes(record.kind)) &&
    (filter.sinceMs === undefined || record.at >= filter.sinceMs) &&
    (filter.untilMs === undefined || record.at < filter.untilMs);
}
