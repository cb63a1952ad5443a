import { realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { isWithin } from './path-relation.ts';

export interface WorkspaceCheck {
  /** User of the operating system who asks. */
  readonly uid: number;
  /** Default: the home of this process. */
  readonly home?: string;
  /** Accepts a directory of another user. Default false, for root too. */
  readonly allowOtherOwner?: boolean;
  /** Our own state, the ledger among it: a workspace neither holds it nor lies in it. */
  readonly protectedPaths?: readonly string[];
}

/** Directories of the system: neither they nor what is below them. */
const systemTrees = [
  '/usr', '/etc', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/boot', '/dev', '/proc', '/sys', '/run', '/var',
  '/private/etc', '/System', '/Library', '/Applications',
]; // prettier-ignore
/** The one exception, and only below it: it is /tmp that survives a reboot. */
const systemExceptions = ['/var/tmp'];
/** Directories that hold those of many: not they themselves. */
const sharedDirectories = [
  '/',
  '/home',
  '/root',
  '/Users',
  '/opt',
  '/srv',
  '/mnt',
  '/media',
  '/tmp',
  '/var/tmp',
  '/private',
  '/private/var',
  '/private/tmp',
];

const chooseProject = 'Choose the directory of one project, one that you own.';

/**
 * Decides whether a host directory may be a workspace: what a sandbox can change on the host. Returns its canonical path.
 *
 * Refused are the root directory, directories of the system, homes and what holds them, hidden directories of the home
 * (keys, configuration, browser profiles), what others own or everybody can write, and our own state.
 * @throws SovereignError `workspace.refused`
 */
export function checkWorkspace(path: string, check: WorkspaceCheck): string {
  const refuse = (what: string, hint = chooseProject): SovereignError =>
    new SovereignError({
      reason: 'workspace.refused',
      message: `Workspace ${path.slice(0, 4096)}: ${what}.`,
      hint,
      context: { path: path.slice(0, 4096) },
    });
  if (!isAbsolute(path) || path.includes('\0'))
    throw refuse('not an absolute path', 'Give the absolute path of a directory.');
  const canonical = resolve(path);
  if (canonical === undefined) throw refuse('does not exist', 'Create it first.');
  const found = statSync(canonical, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) throw refuse('not a directory');

  if (canonical === '/') throw refuse('the root directory of the host');
  if (sharedDirectories.includes(canonical)) throw refuse('a directory that holds those of many');
  const isException = systemExceptions.some((exception) => isWithin(canonical, exception));
  if (!isException && systemTrees.some((tree) => isWithin(canonical, tree)))
    throw refuse('a directory of the system');
  const home = resolve(check.home ?? homedir());
  if (home !== undefined && home !== '/') {
    if (canonical === home) throw refuse('your home directory', 'Choose a directory below it.');
    if (isWithin(home, canonical)) throw refuse('holds your home directory');
    if (isWithin(canonical, home) && canonical.slice(home.length + 1).startsWith('.')) {
      throw refuse('a hidden directory of your home, where keys and configuration are');
    }
  }
  for (const kept of check.protectedPaths ?? []) {
    const own = resolve(kept) ?? kept;
    if (isWithin(own, canonical) || isWithin(canonical, own))
      throw refuse('holds or lies in the state of sovereign itself');
  }
  if (found.uid !== check.uid && check.allowOtherOwner !== true)
    throw refuse(`owned by uid ${found.uid} (you are ${check.uid})`);
  if ((found.mode & 0o002) !== 0)
    throw refuse('everybody can write it', `Take that away first: chmod o-w ${canonical}`);
  return canonical;
}

function resolve(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}
