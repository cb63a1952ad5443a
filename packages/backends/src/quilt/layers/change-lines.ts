import type { ChangeRecord } from '@sovereign/core';
import { malformedLine, nulLines } from './nul-lines.ts';

/** A change as `shelld changes` prints it. */
export interface LayerChange extends ChangeRecord {
  /** What is there now; `none` when it is removed. */
  readonly file: 'file' | 'directory' | 'link' | 'other' | 'none';
  /** Differs when the path was changed again. */
  readonly stamp: string;
}

const kinds = { A: 'added', M: 'modified', R: 'removed' } as const;
const files = { f: 'file', d: 'directory', l: 'link', o: 'other', '-': 'none' } as const;

/**
 * Reads what `shelld changes` prints. It ran in a guest of ours, on files of one that is not, so nothing of it is believed
 * but its form.
 *
 * @throws SovereignError `channel.protocol`
 */
export async function* parseChangeLines(output: AsyncIterable<Uint8Array>): AsyncIterable<LayerChange> {
  for await (const line of nulLines(output)) yield parseChange(line);
}

function parseChange(line: string): LayerChange {
  const match = /^([AMR]) ([fdlo-]) ([0-9:.-]{1,100}) (\/[^]*)$/.exec(line);
  if (match === null) throw malformedLine(line);
  const [, kind, file, stamp = '', path = ''] = match;
  return { kind: kinds[kind as keyof typeof kinds], path, file: files[file as keyof typeof files], stamp };
}
