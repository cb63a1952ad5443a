import { SovereignError } from '@sovereign/protocol';

/** Longest line there can be: a path as deep as shelld walks, and what stands before it. */
const maxLineBytes = 70_000;

/**
 * Lines of UTF-8 that end with a zero byte, as shelld prints names.
 *
 * @throws SovereignError `channel.protocol` for one that is too long, or cut short
 */
export async function* nulLines(
  output: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of output) {
    rest = rest.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0, start)) {
      yield rest.toString('utf8', start, end);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.byteLength > maxLineBytes) throw malformedLine(rest.toString('utf8', 0, 100));
  }
  if (rest.byteLength > 0) throw malformedLine(rest.toString('utf8', 0, 100));
}

/** A line that is none of ours. */
export function malformedLine(line: string): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `A list of changes is malformed: ${JSON.stringify(line.slice(0, 100))}.`,
    hint: 'Run `npm run build:shelld`; this is a defect of ours.',
  });
}
