import { hash } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { Clock } from '../identity/clock.ts';
import { segmentName } from './lane-files.ts';
import type { LaneEnd } from './lane-end.ts';
import { buildLine, maxLineBytes, type RecordKind } from './record-line.ts';

/** A segment is followed by the next when it has so many bytes; the chain goes on over the border. */
export const segmentBytes = 67_108_864;

export interface LaneWriterInit {
  readonly directory: string;
  readonly lane: number;
  readonly end: LaneEnd;
  /** `prev` of the lane's first record. */
  readonly origin: string;
  readonly clock: Clock;
  readonly maxSegmentBytes?: number;
}

/** Appends records to one lane. Every record is one write(2) to a descriptor in append mode. */
export class LaneWriter {
  readonly lane: number;
  readonly #init: LaneWriterInit;
  #fd: number;
  #seq: number;
  #prev: string;
  #segment: number;
  #bytes: number;
  /** Bytes of the file after its last record: what an interrupted write left. */
  #torn: Buffer;
  #lacksNewline: boolean;

  constructor(init: LaneWriterInit) {
    this.#init = init;
    this.lane = init.lane;
    this.#seq = init.end.seq;
    this.#prev = init.end.hash ?? init.origin;
    this.#segment = init.end.segment;
    this.#bytes = init.end.segmentBytes;
    this.#torn = init.end.torn;
    this.#lacksNewline = init.end.lacksNewline;
    this.#fd = this.#openSegment();
  }

  /** Number of the record that `append` writes next. True after `prepare`. */
  get nextSeq(): number {
    return this.#seq + 1;
  }

  /** Records what an interrupted write left, and goes on to the next segment when this one is full. */
  prepare(): void {
    if (this.#torn.length > 0) this.#recover();
    if (this.#bytes >= (this.#init.maxSegmentBytes ?? segmentBytes) && !this.#lacksNewline) {
      const full = this.#fd;
      this.#segment++;
      this.#bytes = 0;
      this.#fd = this.#openSegment();
      closeSync(full);
    }
  }

  /** `members` is JSON text that begins with a comma. Throws what the system threw, or a SovereignError for a record that is too long. */
  append(kind: RecordKind, members: string): void {
    const { line, hash } = buildLine(
      { seq: this.#seq + 1, prev: this.#prev },
      this.#init.clock.nowMs(),
      kind,
      members,
    );
    const lineBytes = Buffer.byteLength(line);
    if (lineBytes > maxLineBytes) throw tooLong(lineBytes);
    this.#write(this.#lacksNewline ? `\n${line}` : line, this.#lacksNewline ? lineBytes + 1 : lineBytes);
    this.#lacksNewline = false;
    this.#seq++;
    this.#prev = hash;
  }

  sync(): void {
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #recover(): void {
    const hasSeparator = this.#torn.at(-1) === 0x0a;
    const region = hasSeparator ? this.#torn.subarray(0, -1) : this.#torn;
    const members = `,"id":"","tornBytes":${region.length},"tornHash":"${hash('sha256', region)}"`;
    const built = buildLine(
      { seq: this.#seq + 1, prev: this.#prev },
      this.#init.clock.nowMs(),
      'lane.recovered',
      members,
    );
    const text = hasSeparator ? built.line : `\n${built.line}`;
    this.#write(text, text.length);
    this.#torn = Buffer.alloc(0);
    this.#seq++;
    this.#prev = built.hash;
  }

  #write(text: string, bytes: number): void {
    let written = 0;
    let failure: Error | undefined;
    try {
      written = writeSync(this.#fd, text);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    if (written === bytes) {
      this.#bytes += bytes;
      return;
    }
    this.#remember(text);
    throw failure ?? new Error(`only ${written} of ${bytes} bytes could be written`);
  }

  /** After a failed write: what of it is in the file is asked of the file, since not every failure says. */
  #remember(text: string): void {
    const size = fstatSync(this.#fd).size;
    const left = Buffer.from(text).subarray(0, Math.max(0, size - this.#bytes));
    this.#bytes = size;
    if (left.length === 0) return;
    // A separator finishes the line before it and is not part of what is torn, unless something torn stands there.
    const isSeparated = this.#lacksNewline;
    this.#lacksNewline = false;
    this.#torn = Buffer.concat([this.#torn, isSeparated ? left.subarray(1) : left]);
  }

  #openSegment(): number {
    const path = join(this.#init.directory, segmentName(this.lane, this.#segment));
    return openSync(path, 'a', 0o600);
  }
}

function tooLong(bytes: number): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `Record of an action: ${bytes} bytes (expected at most ${maxLineBytes}).`,
    hint: 'Pass long content through stdin or a file; only its size is recorded.',
  });
}
