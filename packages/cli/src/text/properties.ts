import { neutralise } from './neutralise.ts';

/** Lines of `Name: value`, values under each other; what has no value is left out. */
export function properties(rows: readonly (readonly [string, string | undefined])[]): string {
  return rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${`${name}:`.padEnd(13)}${neutralise(value ?? '')}\n`)
    .join('');
}
