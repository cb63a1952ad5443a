import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SovereignError } from '@sovereign/protocol';

/**
 * Makes sure that a directory exists, is no link, belongs to the caller and is closed to everybody else (0700).
 * Parents that are missing are made the same way.
 * @throws SovereignError `state.refused`
 */
export function preparePrivateDirectory(path: string): void {
  makeDirectories(path);
  const uid = process.getuid?.();
  if (uid === undefined) return;
  // SAFETY: lstat, so that a link laid into /tmp by somebody else is seen; held by private-directory.test.ts.
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== uid) {
    throw new SovereignError({
      reason: 'state.refused',
      message: `State directory ${path}: ${found.isDirectory() ? `owned by uid ${found.uid}` : 'not a directory'} (expected a directory of uid ${uid}).`,
      hint: 'Remove it if it is not yours to keep, or set SOVEREIGN_HOME to another place.',
    });
  }
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

/** One by one: below /proc the recursive mkdir of Node never comes to an end. */
function makeDirectories(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectories(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was quicker; or it is a link to nothing, which is refused by what it is.
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw new SovereignError({
      reason: 'state.refused',
      message: `State directory ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}.`,
      hint: 'Make it yourself, or set SOVEREIGN_HOME to another place.',
      cause: error,
    });
  }
}
