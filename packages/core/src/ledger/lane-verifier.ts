import { hash } from 'node:crypto';
import {
  claimedHash,
  isIntact,
  maxLineBytes,
  parseLink,
  type LinkMembers,
  type RecordKind,
} from './record-line.ts';
import type { SegmentLine } from './segment-lines.ts';
import { isTornRegion } from './torn-region.ts';

export interface LaneVerifierInit {
  readonly lane: number;
  /** `prev` that the first record has to carry. */
  readonly origin: string;
  readonly report: (line: number, what: string) => void;
}

/** Most intents of one lane that are remembered while their outcome is awaited. */
const maxOpenIntents = 1_000_000;

/** Follows the chain of one lane, line by line. After a break it goes on from what it found, so that one damage is one problem. */
export class LaneVerifier {
  readonly #init: LaneVerifierInit;
  readonly #open = new Set<string>();
  #seq = 0;
  #prev: string;
  #line = 0;
  #lastKind: RecordKind | undefined;
  /** Lines since the last record that are none. */
  #strange: Buffer[] = [];
  #strangeBytes = 0;
  #isUnterminated = false;
  records = 0;
  lanesSeen = 0;
  firstHash: string | undefined;

  constructor(init: LaneVerifierInit) {
    this.#init = init;
    this.#prev = init.origin;
  }

  note(what: string): void {
    this.#init.report(this.#line, what);
  }

  take(line: SegmentLine): void {
    this.#line++;
    this.#isUnterminated = !line.isTerminated;
    const claimed = line.isTooLong ? undefined : claimedHash(line.bytes);
    if (claimed === undefined) {
      this.#takeStrange(line.bytes);
      return;
    }
    this.firstHash ??= claimed;
    this.records++;
    const link = isIntact(line.bytes, claimed) ? parseLink(line.bytes) : undefined;
    if (link === undefined) {
      this.note('changed: the hash of the record is not that of its bytes');
      this.#clearStrange();
      this.#seq++;
      this.#lastKind = undefined;
    } else {
      this.#takeRecord(link);
    }
    this.#prev = claimed;
  }

  #takeStrange(bytes: Buffer): void {
    if (this.#strangeBytes <= 2 * maxLineBytes) this.#strange.push(Buffer.from(bytes));
    this.#strangeBytes += bytes.length + 1;
  }

  #takeRecord(link: LinkMembers): void {
    if (link.seq !== this.#seq + 1) {
      this.note(`record ${link.seq} follows record ${this.#seq}: records were removed, repeated or moved`);
    } else if (link.prev !== this.#prev) {
      this.note(
        link.seq === 1
          ? 'the lane does not begin where the lane before it began'
          : 'the record does not continue the one before it',
      );
    }
    if (link.kind === 'lane.recovered') this.#takeRecovery(link);
    else if (this.#strange.length > 0)
      this.note('before this record stand bytes that are none and were not recovered');
    this.#clearStrange();
    if (link.kind === 'lane.opened' && link.lane !== this.#init.lane)
      this.note(`the record belongs to lane ${link.lane}`);
    if (link.kind === 'intent') this.#takeIntent(link.id);
    if (link.kind === 'outcome' && !this.#open.delete(link.id))
      this.note(`outcome of ${link.id}, which was not begun`);
    this.lanesSeen = Math.max(this.lanesSeen, link.lanes);
    this.#lastKind = link.kind;
    this.#seq = link.seq;
  }

  #takeIntent(id: string): void {
    if (this.#open.size >= maxOpenIntents) this.note('too many actions without outcome to follow');
    else this.#open.add(id);
  }

  /** A recovery vouches for exactly the bytes it names, and only for such as an interrupted write can leave. */
  #takeRecovery(link: LinkMembers): void {
    const region = Buffer.concat(
      this.#strange.flatMap((piece, index) => (index === 0 ? [piece] : [Buffer.from('\n'), piece])),
    );
    if (region.length === 0) this.note('the torn bytes of which the record speaks are not there');
    else if (region.length !== link.tornBytes || hash('sha256', region) !== link.tornHash)
      this.note('the torn bytes are not those that were recorded');
    else if (!isTornRegion(region, link.seq))
      this.note('the bytes recorded as torn are not the beginning of a record');
  }

  #clearStrange(): void {
    this.#strange = [];
    this.#strangeBytes = 0;
  }

  /** `isLive`: its writer may be in the middle of a line. `isLocked`: its writer is there, or ended without closing. */
  finish(state: { readonly isLocked: boolean; readonly isLive: boolean }): void {
    if (this.#isUnterminated && !state.isLive) {
      this.note('the last line is unfinished: an interrupted write, recovered when the lane is next opened');
    } else if (this.#strange.length > (state.isLive && this.#isUnterminated ? 1 : 0)) {
      this.note('at the end stand bytes that are not a record');
    }
    if (!state.isLocked && this.#line > 0 && this.#lastKind !== 'lane.closed') {
      this.note('the lane was closed, but its last records are missing');
    }
    if (this.#line === 0 && !state.isLocked) this.#init.report(0, 'the lane is missing or empty');
  }

  openIntents(): Iterable<string> {
    return this.#open;
  }
}
