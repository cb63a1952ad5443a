import type { UndoChange } from '@sovereign/core';
import { malformedLine, nulLines } from '../layers/nul-lines.ts';

const kinds = { A: 'added', M: 'modified', R: 'removed' } as const;

/**
 * Reads what `shelld undo` prints.
 *
 * @throws SovereignError `channel.protocol`
 */
export async function* parseUndoLines(
  output: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<UndoChange> {
  for await (const line of nulLines(output)) {
    const match = /^([AMR]) ([!-]) ([^/][^]*)$/.exec(line);
    if (match === null) throw malformedLine(line);
    const [, kind, mark, path = ''] = match;
    yield { kind: kinds[kind as keyof typeof kinds], path, isChanged: mark === '!' };
  }
}
