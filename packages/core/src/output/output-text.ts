import type { BoundedBytes } from './bounded-output.ts';

// The byte order mark is content here: what a command wrote is shown as it was written.
const options = { ignoreBOM: true } as const;

/**
 * Bytes as text. Where bytes were dropped between head and tail, a marker says how many are missing; a character cut in
 * two by that gap is left out whole and counted there. Bytes that are not UTF-8 become U+FFFD.
 */
export function outputText(output: BoundedBytes): string {
  const decoder = new TextDecoder('utf-8', options);
  if (output.droppedBytes === 0) return decoder.decode(output.bytes);
  const head = output.bytes.subarray(0, output.headBytes);
  const tail = output.bytes.subarray(output.headBytes);
  const headEnd = head.length - unfinishedCharacterBytes(head);
  const tailStart = continuationBytes(tail);
  const missing = output.droppedBytes + (head.length - headEnd) + tailStart;
  return `${decoder.decode(head.subarray(0, headEnd))}\n… ${missing} bytes dropped …\n${decoder.decode(tail.subarray(tailStart))}`;
}

/** Bytes at the end that begin a UTF-8 character without finishing it: 0 to 3. */
function unfinishedCharacterBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc2 && byte <= 0xf4) return back < characterBytes(byte) ? back : 0;
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  return 0;
}

/** Bytes at the start that continue a UTF-8 character whose beginning was dropped: 0 to 3. */
function continuationBytes(bytes: Uint8Array): number {
  let count = 0;
  while (count < 3 && count < bytes.length && ((bytes[count] ?? 0) & 0xc0) === 0x80) count++;
  return count;
}

function characterBytes(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}
