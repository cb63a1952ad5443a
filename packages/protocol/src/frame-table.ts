import { controlFrames } from './frames/control-frames.ts';
import { fileFrames } from './frames/file-frames.ts';
import { processFrames } from './frames/process-frames.ts';
import { systemFrames } from './frames/system-frames.ts';
import { tunnelFrames } from './frames/tunnel-frames.ts';

/**
 * The frame table: every message of the guest channel, once.
 *
 * TypeScript types and codecs are derived from this object; the C header of shelld is generated from it
 * (`npm run generate`). Fields are encoded in order, little-endian, without padding:
 *
 * | field | bytes |
 * | --- | --- |
 * | `u8` `u16` `u32` `u64` `i32` | as named; a `u64` above 2^53 − 1 is malformed |
 * | `str` | u32 byte length, UTF-8 bytes, no NUL |
 * | `bytes` | u32 byte length, bytes |
 * | `strs` | u32 count, then each as `str` |
 * | `rest` | whatever remains of the payload |
 * | `addedStr` | as `str`; empty when the payload ends before it, as one does that was sent before the field was appended |
 *
 * Schemas are append-only within a generation: a decoder ignores bytes after the fields it knows.
 *
 * Life of a channel: the host opens it by sending a request on an id of its choice (1 … 2^32 − 1, not in use on
 * this connection); the guest ends it with exactly one terminal frame, after which the id may be used again.
 * Channel 0 carries `hello`, `welcome`, `layer`, `ping` and `pong`. `cancel` asks the guest to end a channel early; it is answered
 * with a terminal frame like any other end. Frames for a channel that has ended are ignored: they crossed on the wire.
 */
export const fieldTypes = [
  'u8',
  'u16',
  'u32',
  'u64',
  'i32',
  'str',
  'bytes',
  'strs',
  'rest',
  'addedStr',
] as const;
export type FieldType = (typeof fieldTypes)[number];

/** Who may send a frame. A frame from the wrong side is malformed. */
export type Sender = 'host' | 'guest' | 'both';

/** One row of the table. */
export interface FrameShape {
  readonly code: number;
  readonly from: Sender;
  /** True when the frame ends its channel. */
  readonly terminal?: true;
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly about: string;
}

export const frames: typeof controlFrames &
  typeof processFrames &
  typeof fileFrames &
  typeof systemFrames &
  typeof tunnelFrames = {
  ...controlFrames,
  ...processFrames,
  ...fileFrames,
  ...systemFrames,
  ...tunnelFrames,
};

export type FrameName = keyof typeof frames;

/** The table in the shape that codecs and generators walk. */
export const frameShapes: Readonly<Record<FrameName, FrameShape>> = frames;
