import type { ChangeRecord } from '@sovereign/sdk';
import { neutralise } from './neutralise.ts';

const letters = { added: 'A', modified: 'C', removed: 'D' } as const;

/** One change as Docker shows it: `A /new`, `C /changed`, `D /gone`. */
export function changeLine({ kind, path }: ChangeRecord, note = ''): string {
  return `${letters[kind]} ${neutralise(path)}${note === '' ? '' : `  (${neutralise(note)})`}\n`;
}
