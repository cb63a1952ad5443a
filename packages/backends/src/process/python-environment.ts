import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestPaths, ownedName, stagedPath, sweepAbandoned, type LaunchHelper } from '@sovereign/guest';

/** Interpreters that a guest on the process tier can see: those below /usr. */
const interpreters = ['/usr/bin/python3', '/usr/local/bin/python3'] as const;

const createTimeoutMs = 30_000;

/**
 * The managed virtual environment of the process tier: Python code finds the action library there, and the host's own
 * Python stays as it is. Made once below `directory`; undefined where the host has no Python below /usr.
 */
export async function preparePythonEnvironment(
  directory: string,
  pythonPath: string,
  helper: LaunchHelper,
): Promise<string | undefined> {
  const interpreter = interpreters.find((path) => existsSync(path));
  if (interpreter === undefined) return undefined;
  const info = statSync(interpreter);
  const path = join(directory, `venv-${info.ino}-${Math.trunc(info.mtimeMs)}`);
  if (existsSync(path)) return path;
  sweepAbandoned(directory);
  const partial = ownedName(path);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  try {
    // Without pip and by links: twenty small files, and nothing is fetched.
    const made = await helper.run([interpreter, '-m', 'venv', '--without-pip', '--symlinks', partial], {
      timeoutMs: createTimeoutMs,
    });
    if (made.exitCode !== 0) return undefined;
    const [version] = readdirSync(join(partial, 'lib'));
    if (version === undefined) return undefined;
    writeFileSync(
      join(partial, 'lib', version, 'site-packages', 'sovereign.pth'),
      // Where the library is: with bubblewrap, without it, and in a bare guest.
      `${guestPaths.python}\n${stagedPath('python')}\n${pythonPath}\n`,
    );
    renameSync(partial, path);
    return path;
  } catch (error) {
    if (existsSync(path)) return path;
    throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
