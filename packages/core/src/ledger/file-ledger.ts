import { rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { Action, Actor, Outcome } from '../contract/action.ts';
import { systemClock, type Clock } from '../identity/clock.ts';
import { preparePrivateDirectory } from '../config/private-directory.ts';
import { firstHash, readLaneEnd, type LaneEnd } from './lane-end.ts';
import { listLanes, reserveName } from './lane-files.ts';
import { lockLane, pause, type LaneLock } from './lane-lock.ts';
import { LaneWriter } from './lane-writer.ts';
import type { FsyncMode, Ledger, LedgerRuntime } from './ledger.ts';
import { LedgerReserve } from './ledger-reserve.ts';
import { noHash, type RecordKind } from './record-line.ts';

export interface FileLedgerOptions {
  /** Made with mode 0700 at the first record. */
  readonly directory: string;
  /** Default `never`: see FsyncMode for what that survives. */
  readonly fsync?: FsyncMode;
  readonly clock?: Clock;
  /** Default 64 MiB. */
  readonly maxSegmentBytes?: number;
}

interface OpenLane {
  readonly writer: LaneWriter;
  readonly lock: LaneLock;
  readonly reserve: LedgerReserve;
}

const firstRecordWaitMs = 500;

/** The ledger in a directory of lanes. Opens its lane at the first record, so that a process which records nothing touches nothing. */
export class FileLedger implements Ledger {
  readonly #options: FileLedgerOptions;
  readonly #clock: Clock;
  readonly #fsync: FsyncMode;
  #open: OpenLane | undefined;
  #isClosed = false;
  #actor: { readonly value: Actor; readonly json: string } | undefined;
  /** The JSON of each report, which is the same object for as long as a channel stays open. */
  readonly #runtimes = new WeakMap<LedgerRuntime, string>();

  constructor(options: FileLedgerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#fsync = options.fsync ?? 'never';
  }

  intent(action: Action, actor: Actor, runtime: LedgerRuntime): string {
    try {
      const { writer, reserve } = (this.#open ??= this.#openLane());
      reserve.ensure();
      writer.prepare();
      const id = `act_${writer.lane}_${writer.nextSeq}`;
      const members = `,"id":"${id}","actor":${this.#actorJson(actor)},"runtime":${this.#runtimeJson(runtime)},"action":${JSON.stringify(action)}`;
      writer.append('intent', members);
      if (this.#fsync !== 'never') writer.sync();
      return id;
    } catch (error) {
      throw unwritable(this.#options.directory, 'The action was not carried out.', error);
    }
  }

  outcome(id: string, runtime: LedgerRuntime, outcome: Outcome): void {
    const members = `,"id":"${id}","runtime":${this.#runtimeJson(runtime)},"outcome":${JSON.stringify(outcome)}`;
    const lane = this.#open;
    try {
      if (lane === undefined) throw new Error('the ledger is closed');
      this.#appendWithReserve(lane, 'outcome', members);
      if (this.#fsync === 'always') lane.writer.sync();
    } catch (error) {
      throw unwritable(
        this.#options.directory,
        `Action ${id} was carried out, but its outcome could not be recorded.`,
        error,
      );
    }
  }

  /** For records of what has happened already: they may use the room that was kept for them. */
  #appendWithReserve(lane: OpenLane, kind: RecordKind, members: string): void {
    try {
      lane.writer.prepare();
      lane.writer.append(kind, members);
    } catch (error) {
      if (!lane.reserve.release()) throw error;
      lane.writer.prepare();
      lane.writer.append(kind, members);
    }
  }

  close(): void {
    this.#isClosed = true;
    const lane = this.#open;
    if (lane === undefined) return;
    this.#open = undefined;
    try {
      const lanes = Math.max(listLanes(this.#options.directory).laneCount, lane.lock.lane + 1);
      this.#appendWithReserve(lane, 'lane.closed', `,"id":"","lanes":${lanes}`);
      // Not rmSync, which Node loads a module for.
      unlinkSync(lane.lock.path);
    } catch {
      // The lock stays: it says that the lane's end is that of a crash, which a missing lane.closed then is.
    } finally {
      lane.writer.close();
    }
  }

  #openLane(): OpenLane {
    if (this.#isClosed) throw new Error('the ledger is closed');
    const { directory } = this.#options;
    preparePrivateDirectory(directory);
    let end: LaneEnd | undefined;
    const lock = lockLane(directory, (lane, listing) => {
      end = readLaneEnd(directory, lane, listing.segments.get(lane) ?? []);
      return end !== undefined;
    });
    let writer: LaneWriter | undefined;
    try {
      if (end === undefined) throw new Error('a lane was locked without an end');
      const origin = lock.lane === 0 ? noHash : this.#firstHashOf(lock.lane - 1);
      writer = new LaneWriter({ ...this.#options, clock: this.#clock, lane: lock.lane, end, origin });
      const reserve = new LedgerReserve(join(directory, reserveName(lock.lane)));
      reserve.ensure();
      writer.prepare();
      const after = lock.isAfterCrash ? 'crash' : (end.kind ?? 'nothing');
      const lanes = Math.max(lock.listing.laneCount, lock.lane + 1);
      writer.append(
        'lane.opened',
        `,"id":"","lane":${lock.lane},"pid":${process.pid},"after":"${after}","lanes":${lanes}`,
      );
      return { writer, lock, reserve };
    } catch (error) {
      writer?.close();
      // A lane that was closed well and got no record since may be given back; otherwise the lock tells of the interruption.
      if (end?.kind === 'lane.closed' || end?.seq === 0) rmSync(lock.path, { force: true });
      throw error;
    }
  }

  /** The lane before may have been made a moment ago: its writer holds it and is about to write its first record. */
  #firstHashOf(lane: number): string {
    const until = this.#clock.monotonicMs() + firstRecordWaitMs;
    for (;;) {
      const hash = firstHash(this.#options.directory, lane);
      if (hash !== undefined) return hash;
      if (this.#clock.monotonicMs() > until) throw new Error(`lane ${lane} has no first record`);
      pause(1);
    }
  }

  #actorJson(value: Actor): string {
    if (this.#actor?.value !== value)
      this.#actor = { value, json: JSON.stringify({ via: value.via, user: value.user }) };
    return this.#actor.json;
  }

  #runtimeJson(value: LedgerRuntime): string {
    const known = this.#runtimes.get(value);
    if (known !== undefined) return known;
    const active = value.layers?.filter((layer) => layer.state === 'active').map((layer) => layer.name);
    const json = JSON.stringify({
      type: value.type,
      tier: value.tier,
      isIsolated: value.isIsolated,
      ...(active && { active }),
    });
    this.#runtimes.set(value, json);
    return json;
  }
}

function unwritable(directory: string, consequence: string, cause: unknown): SovereignError {
  if (cause instanceof SovereignError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new SovereignError({
    reason: 'ledger.unwritable',
    message: `Ledger ${directory}: ${detail}. ${consequence}`,
    hint: 'Free space on its file system, and check that the directory belongs to you and can be written.',
    cause,
  });
}
