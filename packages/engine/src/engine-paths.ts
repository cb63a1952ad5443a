import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Directory that holds the Python package `apts`: `SOVEREIGN_PYTHON` when it is set, else the one beside this build.
 * Undefined when there is none: guests then come up without the action library.
 */
export function findPythonLibrary(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env['SOVEREIGN_PYTHON'];
  const path = named === undefined || named === '' ? join(import.meta.dirname, '../../../python') : named;
  return existsSync(`${path}/apts/__init__.py`) ? path : undefined;
}
