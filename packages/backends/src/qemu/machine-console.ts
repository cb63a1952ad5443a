import { readFileSync } from 'node:fs';

const nothing = '(it printed nothing)';

/** The last lines that a machine printed, without control characters. */
export function lastOfConsole(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').trim())
      .filter((line) => line !== '');
    return lines.length === 0 ? nothing : lines.slice(-12).join(' | ').slice(-1_500);
  } catch {
    return nothing;
  }
}
