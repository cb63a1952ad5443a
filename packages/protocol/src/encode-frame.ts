import { layouts, type FieldValues, type FrameFields } from './frame-layout.ts';
import { frames, type FieldType, type FrameName } from './frame-table.ts';
import { channelLimits } from './limits.ts';
import { SovereignError } from './sovereign-error.ts';

/**
 * A string list encoded once, for lists that go into many frames unchanged (an environment).
 * Made by `encodeStrings`; what it was made from may change afterwards without changing it.
 */
export class EncodedStrings {
  /** Count and entries, as on the wire. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** What encoding takes: the same, or a string list that was encoded before. */
type EncodableFields<N extends FrameName> = {
  readonly [F in keyof FrameFields<N>]: (typeof frames)[N]['fields'] extends Readonly<Record<F, 'strs'>>
    ? readonly string[] | EncodedStrings
    : FrameFields<N>[F];
};

type EncodableValue = FieldValues[FieldType] | EncodedStrings;

const utf8Encoder = new TextEncoder();

/**
 * Encodes one frame, header included.
 *
 * @throws SovereignError `argument.too-large` when the payload would exceed `maxPayloadBytes`,
 *   `argument.invalid` for a string with NUL or a number out of its range.
 */
export function encodeFrame<N extends FrameName>(
  name: N,
  channel: number,
  fields: EncodableFields<N>,
): Uint8Array {
  const layout = layouts[name];
  const values = fields as Readonly<Record<string, EncodableValue>>;
  let size = channelLimits.headerBytes;
  for (const [field, type] of layout) size += encodedSize(name, field, type, values[field]);
  const payloadBytes = size - channelLimits.headerBytes;
  if (payloadBytes > channelLimits.maxPayloadBytes) {
    throw new SovereignError({
      reason: 'argument.too-large',
      message: `${name} is too large: ${payloadBytes} bytes (at most ${channelLimits.maxPayloadBytes}).`,
      hint: 'Pass large data through stdin or a file, and a smaller environment.',
      context: { frame: name, bytes: payloadBytes },
    });
  }
  const buffer = new Uint8Array(size);
  const view = new DataView(buffer.buffer);
  view.setUint32(0, payloadBytes, true);
  view.setUint8(4, frames[name].code);
  view.setUint32(5, channel, true);
  let offset: number = channelLimits.headerBytes;
  for (const [field, type] of layout) offset = writeField(view, buffer, offset, type, values[field]);
  return buffer;
}

/**
 * Encodes a string list once.
 *
 * @throws SovereignError `argument.too-large` for too many entries, `argument.invalid` for a string with NUL.
 */
export function encodeStrings(list: readonly string[], field: string): EncodedStrings {
  const buffer = new Uint8Array(encodedSize('a frame', field, 'strs', list));
  writeField(new DataView(buffer.buffer), buffer, 0, 'strs', list);
  return new EncodedStrings(buffer);
}

function encodedSize(
  frame: string,
  field: string,
  type: FieldType,
  value: EncodableValue | undefined,
): number {
  switch (type) {
    case 'u8':
      return checkRange(frame, field, value, 0, 0xff, 1);
    case 'u16':
      return checkRange(frame, field, value, 0, 0xffff, 2);
    case 'u32':
      return checkRange(frame, field, value, 0, 0xffff_ffff, 4);
    case 'i32':
      return checkRange(frame, field, value, -0x8000_0000, 0x7fff_ffff, 4);
    case 'u64':
      return checkRange(frame, field, value, 0, Number.MAX_SAFE_INTEGER, 8);
    case 'str':
    case 'addedStr':
      return 4 + stringBytes(frame, field, value);
    case 'bytes':
      return 4 + (value as Uint8Array).byteLength;
    case 'rest':
      return (value as Uint8Array).byteLength;
    case 'strs': {
      if (value instanceof EncodedStrings) return value.bytes.byteLength;
      const list = value as readonly string[];
      if (list.length > channelLimits.maxListEntries) {
        throw invalid(
          'argument.too-large',
          frame,
          field,
          `${list.length} entries (at most ${channelLimits.maxListEntries})`,
        );
      }
      let size = 4;
      for (let index = 0; index < list.length; index++) {
        const item = list[index];
        // SAFETY: an entry of env may be a secret and is never quoted; frame-codec.test.ts holds it.
        if (typeof item !== 'string' || item.includes('\0')) {
          throw invalid('argument.invalid', frame, field, `entry ${index} (a string without NUL)`);
        }
        size += 4 + utf8ByteLength(item);
      }
      return size;
    }
  }
}

function checkRange(
  frame: string,
  field: string,
  value: unknown,
  low: number,
  high: number,
  size: number,
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return size;
  throw invalid('argument.invalid', frame, field, `${String(value)} (a whole number from ${low} to ${high})`);
}

function stringBytes(frame: string, field: string, value: unknown): number {
  if (typeof value !== 'string')
    throw invalid('argument.invalid', frame, field, `${typeof value} (a string)`);
  if (value.includes('\0'))
    throw invalid('argument.invalid', frame, field, `${JSON.stringify(value.slice(0, 80))} (no NUL)`);
  return utf8ByteLength(value);
}

function invalid(
  reason: 'argument.invalid' | 'argument.too-large',
  frame: string,
  field: string,
  what: string,
): SovereignError {
  return new SovereignError({
    reason,
    message: `${field} of ${frame} cannot be sent: ${what}.`,
    hint: `Correct ${field} and call again.`,
    context: { frame, field },
  });
}

function writeField(
  view: DataView,
  buffer: Uint8Array,
  offset: number,
  type: FieldType,
  value: EncodableValue | undefined,
): number {
  switch (type) {
    case 'u8':
      view.setUint8(offset, value as number);
      return offset + 1;
    case 'u16':
      view.setUint16(offset, value as number, true);
      return offset + 2;
    case 'u32':
      view.setUint32(offset, value as number, true);
      return offset + 4;
    case 'i32':
      view.setInt32(offset, value as number, true);
      return offset + 4;
    case 'u64':
      view.setUint32(offset, (value as number) >>> 0, true);
      view.setUint32(offset + 4, Math.floor((value as number) / 0x1_0000_0000), true);
      return offset + 8;
    case 'str':
    case 'addedStr':
      return writeString(view, buffer, offset, value as string);
    case 'bytes': {
      const bytes = value as Uint8Array;
      view.setUint32(offset, bytes.byteLength, true);
      buffer.set(bytes, offset + 4);
      return offset + 4 + bytes.byteLength;
    }
    case 'rest':
      buffer.set(value as Uint8Array, offset);
      return offset + (value as Uint8Array).byteLength;
    case 'strs': {
      if (value instanceof EncodedStrings) {
        buffer.set(value.bytes, offset);
        return offset + value.bytes.byteLength;
      }
      const list = value as readonly string[];
      view.setUint32(offset, list.length, true);
      let next = offset + 4;
      for (const item of list) next = writeString(view, buffer, next, item);
      return next;
    }
  }
}

function writeString(view: DataView, buffer: Uint8Array, offset: number, value: string): number {
  const { written } = utf8Encoder.encodeInto(value, buffer.subarray(offset + 4));
  view.setUint32(offset, written, true);
  return offset + 4 + written;
}

/** Length of a string in UTF-8, as TextEncoder writes it: a lone surrogate becomes U+FFFD, three bytes. */
function utf8ByteLength(value: string): number {
  let bytes = value.length;
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && (value.charCodeAt(index + 1) & 0xfc00) === 0xdc00) {
      bytes += 2;
      index++;
    } else bytes += 2;
  }
  return bytes;
}
