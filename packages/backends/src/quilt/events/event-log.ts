import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { EngineEvent } from '@sovereign/core';

/** A log that has grown beyond this is put aside, and the one before it forgotten. */
const maxBytes = 1_048_576;
const maxLineBytes = 1_024;

const eventSchema = v.strictObject({
  atMs: v.pipe(v.number(), v.safeInteger()),
  kind: v.picklist([
    'created',
    'started',
    'stopped',
    'died',
    'paused',
    'resumed',
    'removed',
    'imagePulled',
    'imageRemoved',
    'networkConnected',
    'networkDisconnected',
  ]),
  subject: v.pipe(v.string(), v.maxLength(512)),
});

/** Where a reader stands: which file, and how far in it. */
export interface EventCursor {
  readonly inode: number;
  readonly offset: number;
}

/**
 * What happens to sandboxes and networks, one line of JSON each: all processes of one state directory add to it, so that
 * each hears of what the others do. It is no ledger: it may lack what a process that was killed did.
 */
export class EventLog {
  readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, 'events.jsonl');
  }

  add(kind: EngineEvent['kind'], subject: string): void {
    const event: EngineEvent = { atMs: Date.now(), kind, subject };
    try {
      if ((statSync(this.path, { throwIfNoEntry: false })?.size ?? 0) > maxBytes)
        renameSync(this.path, `${this.path}.1`);
      // One short write at the end of a file is never mixed with another's.
      appendFileSync(this.path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
    } catch {
      // Nobody hears of it; what it tells of has happened all the same.
    }
  }

  /** The end of the log as it is now. */
  end(): EventCursor {
    mkdirSync(join(this.path, '..'), { recursive: true, mode: 0o700 });
    if (!existsSync(this.path)) appendFileSync(this.path, '', { mode: 0o600 });
    const info = statSync(this.path);
    return { inode: info.ino, offset: info.size };
  }

  /** What was added since, and where the reader stands then. A line that is no event is left out. */
  since(cursor: EventCursor): { readonly events: readonly EngineEvent[]; readonly cursor: EventCursor } {
    const info = statSync(this.path, { throwIfNoEntry: false });
    if (info === undefined) return { events: [], cursor };
    if (info.ino === cursor.inode) return readFrom(this.path, cursor);
    const old = statSync(`${this.path}.1`, { throwIfNoEntry: false });
    const before = old?.ino === cursor.inode ? readFrom(`${this.path}.1`, cursor).events : [];
    const { events, cursor: next } = readFrom(this.path, { inode: info.ino, offset: 0 });
    return { events: [...before, ...events], cursor: next };
  }
}

function readFrom(
  path: string,
  cursor: EventCursor,
): { readonly events: readonly EngineEvent[]; readonly cursor: EventCursor } {
  const file = openSync(path, 'r');
  try {
    const block = Buffer.alloc(maxBytes + maxLineBytes);
    const got = readSync(file, block, 0, block.byteLength, cursor.offset);
    const whole = block.subarray(0, got).lastIndexOf(0x0a) + 1;
    const lines = block.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
    return {
      events: lines.map(parseEvent).filter((event) => event !== undefined),
      cursor: { ...cursor, offset: cursor.offset + whole },
    };
  } finally {
    closeSync(file);
  }
}

function parseEvent(line: string): EngineEvent | undefined {
  try {
    const parsed = v.safeParse(eventSchema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
