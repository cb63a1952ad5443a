import { layouts, type FieldValues, type FrameFields } from './frame-layout.ts';
import type { FieldType, FrameName } from './frame-table.ts';
import { channelLimits } from './limits.ts';
import { SovereignError } from './sovereign-error.ts';

const utf8Decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Upper half of the largest u64 that is accepted, 2^53 - 1. */
const maxSafeHigh = 0x1f_ffff;

/**
 * Decodes the payload of a frame from the other side. Bytes after the known fields are ignored (schemas are append-only).
 *
 * @throws SovereignError `channel.protocol` when the payload is shorter than its fields or a field is out of range.
 */
export function decodeFrame<N extends FrameName>(name: N, payload: Uint8Array): FrameFields<N> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const fields: Record<string, FieldValues[FieldType]> = {};
  let offset = 0;
  const need = (bytes: number): number => {
    const start = offset;
    if (bytes > payload.byteLength - start)
      throw malformed(name, `${payload.byteLength} bytes, needs ${start + bytes}`);
    offset += bytes;
    return start;
  };
  const bytes = (): Uint8Array => {
    const length = view.getUint32(need(4), true);
    const start = need(length);
    return payload.subarray(start, start + length);
  };
  for (const [field, type] of layouts[name]) {
    switch (type) {
      case 'u8':
        fields[field] = view.getUint8(need(1));
        break;
      case 'u16':
        fields[field] = view.getUint16(need(2), true);
        break;
      case 'u32':
        fields[field] = view.getUint32(need(4), true);
        break;
      case 'i32':
        fields[field] = view.getInt32(need(4), true);
        break;
      case 'u64': {
        const start = need(8);
        const high = view.getUint32(start + 4, true);
        if (high > maxSafeHigh) throw malformed(name, `${field} is above 2^53 - 1`);
        fields[field] = high * 0x1_0000_0000 + view.getUint32(start, true);
        break;
      }
      case 'str':
        fields[field] = utf8Decoder.decode(bytes());
        break;
      case 'addedStr':
        fields[field] = offset === payload.byteLength ? '' : utf8Decoder.decode(bytes());
        break;
      case 'bytes':
        fields[field] = bytes();
        break;
      case 'strs': {
        const count = view.getUint32(need(4), true);
        if (count > channelLimits.maxListEntries) throw malformed(name, `${field} has ${count} entries`);
        const list: string[] = [];
        for (let index = 0; index < count; index++) list.push(utf8Decoder.decode(bytes()));
        fields[field] = list;
        break;
      }
      case 'rest':
        fields[field] = payload.subarray(offset);
        offset = payload.byteLength;
        break;
    }
  }
  // SAFETY: every field of the table was set above with the type the table names; frame-codec.test.ts holds it by round trips.
  return fields as FrameFields<N>;
}

function malformed(name: string, what: string): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `The guest sent a malformed ${name} frame: ${what}.`,
    hint: 'Remove the sandbox; what runs in it is not our shelld, or is hostile.',
    context: { frame: name },
  });
}
