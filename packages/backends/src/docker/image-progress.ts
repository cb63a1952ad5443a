import type { ImageProgress } from '@sovereign/core';
import type { ProgressLine } from './progress-lines.ts';

/** What a line of a pull or build means for whoever watches; undefined for one that says nothing. */
export function imageProgress(line: ProgressLine, reference: string): ImageProgress | undefined {
  if (line.stream !== undefined && line.stream.trim() !== '')
    return { kind: 'log', text: line.stream.replace(/\n$/, '') };
  const { status, id } = line;
  if (status === undefined) return undefined;
  if (id !== undefined && status === 'Already exists') return { kind: 'present', layer: id };
  if (id !== undefined && status === 'Downloading') {
    const { current = 0, total = 0 } = line.progressDetail ?? {};
    return { kind: 'downloading', layer: id, bytes: current, totalBytes: total };
  }
  if (status.startsWith('Pulling from')) return { kind: 'resolving', reference };
  if (status === 'Extracting') return { kind: 'unpacking', reference };
  return undefined;
}
