import { SovereignError } from '@sovereign/protocol';
import type { ChangeRecord } from '@sovereign/core';

/** A change as `shelld changes` prints it. */
export interface LayerChange extends ChangeRecord {
  /** What is there now; `none` when it is removed. */
  readonly file: 'file' | 'directory' | 'link' | 'other' | 'none';
  /** Differs when the path was changed again. */
  readonly stamp: string;
}

/** Longest line there can be: a path as deep as shelld walks, and what stands before it. */
const maxLineBytes = 70_000;

const kinds = { A: 'added', M: 'modified', R: 'removed' } as const;
const files = { f: 'file', d: 'directory', l: 'link', o: 'other', '-': 'none' } as const;

/**
 * Reads what `shelld changes` prints. It ran in a guest of ours, on files of one that is not, so nothing of it is believed
 * but its form.
 *
 * @throws SovereignError `channel.protocol`
 */
export async function* parseChangeLines(output: AsyncIterable<Uint8Array>): AsyncIterable<LayerChange> {
  let rest = Buffer.alloc(0);
  for await (const chunk of output) {
    rest = rest.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0, start)) {
      yield parseChange(rest.toString('utf8', start, end));
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.byteLength > maxLineBytes) throw malformed(rest.toString('utf8', 0, 100));
  }
  if (rest.byteLength > 0) throw malformed(rest.toString('utf8', 0, 100));
}

function parseChange(line: string): LayerChange {
  const match = /^([AMR]) ([fdlo-]) ([0-9:.-]{1,100}) (\/[^]*)$/.exec(line);
  if (match === null) throw malformed(line);
  const [, kind, file, stamp = '', path = ''] = match;
  return { kind: kinds[kind as keyof typeof kinds], path, file: files[file as keyof typeof files], stamp };
}

function malformed(line: string): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `A list of changes is malformed: ${JSON.stringify(line.slice(0, 100))}.`,
    hint: 'Run `npm run build:shelld`; this is a defect of ours.',
  });
}
