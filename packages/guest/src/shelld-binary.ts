import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';

/** Where `npm run build:shelld` puts it. The same from `src` and from `dist`. */
const builtPath = join(import.meta.dirname, '../shelld/build/shelld');

/**
 * Path of the guest daemon: `SOVEREIGN_SHELLD` of the environment when it is set, else what was built here.
 *
 * @throws SovereignError `shelld.missing`
 */
export function findShelld(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = env['SOVEREIGN_SHELLD'];
  const path = named === undefined || named === '' ? builtPath : named;
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    throw new SovereignError({
      reason: 'shelld.missing',
      message: `The guest daemon is not at ${path} (an executable file).`,
      hint: 'Run `npm run build:shelld`, or set SOVEREIGN_SHELLD to the path of a built one.',
      context: { path },
      cause: error,
    });
  }
  return path;
}
