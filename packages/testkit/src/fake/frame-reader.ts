import { channelLimits, SovereignError, type RawFrame } from '@sovereign/protocol';

/**
 * Cuts a byte stream into frames, wherever the pieces were cut.
 *
 * @throws SovereignError `channel.protocol` when a frame announces more than `maxPayloadBytes`.
 */
export async function* readFrames(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<RawFrame, void, undefined> {
  let pieces: Uint8Array[] = [];
  let heldBytes = 0;
  let neededBytes: number = channelLimits.headerBytes;
  for await (const piece of source) {
    pieces.push(piece);
    heldBytes += piece.byteLength;
    if (heldBytes < neededBytes) continue;
    const held = pieces.length === 1 ? piece : Buffer.concat(pieces);
    let offset = 0;
    neededBytes = channelLimits.headerBytes;
    while (held.byteLength - offset >= neededBytes) {
      const view = new DataView(held.buffer, held.byteOffset + offset, channelLimits.headerBytes);
      const payloadBytes = view.getUint32(0, true);
      if (payloadBytes > channelLimits.maxPayloadBytes) throw tooLong(payloadBytes);
      const frameBytes = channelLimits.headerBytes + payloadBytes;
      if (held.byteLength - offset < frameBytes) {
        neededBytes = frameBytes;
        break;
      }
      yield {
        type: view.getUint8(4),
        channel: view.getUint32(5, true),
        payload: new Uint8Array(held.subarray(offset + channelLimits.headerBytes, offset + frameBytes)),
      };
      offset += frameBytes;
    }
    pieces = [held.subarray(offset)];
    heldBytes = held.byteLength - offset;
  }
}

function tooLong(bytes: number): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `A frame announces ${bytes} bytes (at most ${channelLimits.maxPayloadBytes}).`,
    hint: 'The other side does not speak the guest channel.',
    context: { bytes },
  });
}
