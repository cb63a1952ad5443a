import { channelLimits, frameNameByCode, frameShapes, type FrameName } from '@sovereign/protocol';
import { protocolViolation } from './channel-errors.ts';

/** Where the reader puts what it reads. What throws here ends the reading. */
export interface FrameReceiver {
  /** A whole frame that carries no stream data. `payload` is only valid during the call. */
  frame(code: number, channel: number, payload: Uint8Array): void;
  /** The header of a data frame: `length` bytes follow in calls of `data`. */
  dataStart(code: number, channel: number, length: number): void;
  /** The next bytes of that frame, a view of the chunk that was fed. Returns true when it keeps the view. */
  data(bytes: Uint8Array): boolean;
}

/**
 * Largest payload of a frame of the guest that is no stream data. The largest that shelld has to say, a file.info with
 * two full paths, is far below it.
 */
export const maxControlBytes = 65_536;

const dataFrames: readonly FrameName[] = ['exec.stdout', 'exec.stderr', 'file.data', 'tunnel.data'];

const kinds = { unknown: 0, control: 1, data: 2, host: 3 } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

/** Kind of each frame code, for one array access a frame. */
const kindByCode: readonly Kind[] = Array.from({ length: 256 }, (_, code): Kind => {
  const name = frameNameByCode.get(code);
  if (name === undefined) return kinds.unknown;
  if (frameShapes[name].from === 'host') return kinds.host;
  return dataFrames.includes(name) ? kinds.data : kinds.control;
});

/**
 * Takes the bytes of a guest apart into frames, in whatever pieces they come.
 *
 * Stream data is passed on as views of the chunks it came in. Of anything else at most `maxControlBytes` are copied,
 * where a frame spans two chunks. The length of a frame is judged before any of its payload is kept.
 */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #header = new Uint8Array(channelLimits.headerBytes);
  #headerFilled = 0;
  #code = 0;
  #channel = 0;
  /** Bytes of the current data frame that are still to come. */
  #dataLeft = 0;
  /** Control frame that spans chunks. */
  #partial: Uint8Array | undefined;
  #partialFilled = 0;
  #isStopped = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** Nothing is passed on from now on, not even the rest of a chunk that is being fed. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Reads one chunk. Returns true when a receiver kept a view of it, so that its memory may not be used again.
   *
   * @throws SovereignError `channel.protocol`, and what the receiver throws. The reader is then not to be used again.
   */
  feed(bytes: Uint8Array): boolean {
    // SAFETY: a Buffer is passed on as what it says it is: slice() of a Buffer copies nothing, and who wanted a copy
    // would read what comes later; frame-reader.test.ts holds it.
    const chunk = Buffer.isBuffer(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : bytes;
    let isKept = false;
    let at = 0;
    while (at < chunk.length && !this.#isStopped) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, at + this.#dataLeft);
        this.#dataLeft -= end - at;
        const piece = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
        if (this.#receiver.data(piece)) isKept = true;
        at = end;
      } else if (this.#partial !== undefined) {
        at = this.#continuePartial(this.#partial, chunk, at);
      } else if (this.#headerFilled === 0 && chunk.length - at >= channelLimits.headerBytes) {
        at = this.#begin(chunk, at, chunk, at + channelLimits.headerBytes);
      } else {
        const end = Math.min(chunk.length, at + channelLimits.headerBytes - this.#headerFilled);
        this.#header.set(chunk.subarray(at, end), this.#headerFilled);
        this.#headerFilled += end - at;
        at = end;
        if (this.#headerFilled === channelLimits.headerBytes) {
          this.#headerFilled = 0;
          at = this.#begin(this.#header, 0, chunk, at);
        }
      }
    }
    return isKept;
  }

  /** Judges a header and starts on its payload. Returns where reading goes on in the chunk. */
  #begin(header: Uint8Array, offset: number, chunk: Uint8Array, at: number): number {
    const length = readU32(header, offset);
    const code = header[offset + 4] ?? 0;
    const channel = readU32(header, offset + 5);
    const kind = kindByCode[code] ?? kinds.unknown;
    if (kind === kinds.unknown) throw protocolViolation(`frame of unknown type 0x${code.toString(16)}`);
    if (kind === kinds.host)
      throw protocolViolation(`frame of type 0x${code.toString(16)}, which only a host sends`);
    // SAFETY: the length is judged before anything is kept or allocated; frame-reader.test.ts holds it.
    const limit = kind === kinds.data ? channelLimits.maxPayloadBytes : maxControlBytes;
    if (length > limit) throw protocolViolation(`frame of ${length} bytes (at most ${limit})`);
    if (kind === kinds.data) {
      this.#receiver.dataStart(code, channel, length);
      this.#dataLeft = length;
      return at;
    }
    if (chunk.length - at >= length) {
      this.#receiver.frame(code, channel, chunk.subarray(at, at + length));
      return at + length;
    }
    this.#code = code;
    this.#channel = channel;
    this.#partial = new Uint8Array(length);
    this.#partialFilled = 0;
    return at;
  }

  #continuePartial(partial: Uint8Array, chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + partial.length - this.#partialFilled);
    partial.set(chunk.subarray(at, end), this.#partialFilled);
    this.#partialFilled += end - at;
    if (this.#partialFilled === partial.length) {
      this.#partial = undefined;
      this.#receiver.frame(this.#code, this.#channel, partial);
    }
    return end;
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return low + (bytes[at + 3] ?? 0) * 0x100_0000;
}
