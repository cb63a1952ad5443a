import { accessSync, constants } from 'node:fs';

/** Path of a program, searched in PATH and the usual places; undefined when it is not installed. */
export function findProgram(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  for (const directory of [...path.split(':'), '/usr/bin', '/usr/local/bin', '/bin']) {
    if (!directory.startsWith('/')) continue;
    const candidate = `${directory}/${name}`;
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not there: look on.
    }
  }
  return undefined;
}
