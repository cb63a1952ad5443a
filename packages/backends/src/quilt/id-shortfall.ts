import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Shortfall } from '@sovereign/core';
import { findProgram } from '@sovereign/guest';

/** How many ids a guest of root has; a user is advised to have as many. */
const idCount = 65_536;
/** Below it are the host's own users, by the defaults of login.defs(5). */
const firstSubordinate = 100_000;

/** What of a host decides how many ids its user may have. */
export interface IdSources {
  readonly uid: number;
  /** Undefined for a uid without a name. */
  readonly userName: string | undefined;
  /** Texts of /etc/subuid and /etc/subgid. */
  readonly subuid: string;
  readonly subgid: string;
  hasProgram(name: string): boolean;
}

/**
 * Why the caller has no ids in guests but one: what is needed for files of several users, and to run as any but root.
 * Undefined for root, and where nothing is missing. newuidmap(1), subuid(5).
 */
export function idShortfall(sources: IdSources = idSourcesOfHost()): Shortfall | undefined {
  const { uid, userName } = sources;
  if (uid === 0) return undefined;
  if (userName === undefined)
    return { why: `user ${uid} has no name on this host`, hint: 'Run as a user of /etc/passwd.' };
  for (const file of ['subuid', 'subgid'] as const) {
    const isGranted = rangesIn(sources[file]).some(
      ({ owner, count }) => count > 0 && [userName, String(uid)].includes(owner),
    );
    if (!isGranted)
      return { why: `/etc/${file} grants ${userName} no ids`, hint: grantHint(sources, userName) };
  }
  const missing = ['newuidmap', 'newgidmap'].find((name) => !sources.hasProgram(name));
  if (missing === undefined) return undefined;
  return { why: `${missing} is not installed`, hint: 'Install it, for example: sudo apt-get install uidmap' };
}

/** A range behind all that are granted, so that two users never own each other's files. */
function grantHint({ subuid, subgid }: IdSources, userName: string): string {
  const ends = [...rangesIn(subuid), ...rangesIn(subgid)].map(({ start, count }) => start + count);
  const first = Math.max(firstSubordinate, ...ends);
  const range = `${first}-${first + idCount - 1}`;
  return `Grant some: sudo usermod --add-subuids ${range} --add-subgids ${range} ${userName}`;
}

interface Range {
  readonly owner: string;
  readonly start: number;
  readonly count: number;
}

function rangesIn(text: string): readonly Range[] {
  return text.split('\n').flatMap((line) => {
    const [, owner = '', start, count] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
    return start === undefined ? [] : [{ owner, start: Number(start), count: Number(count) }];
  });
}

function idSourcesOfHost(): IdSources {
  return {
    uid: process.geteuid?.() ?? 0,
    userName: nameOfUser(),
    subuid: textOf('/etc/subuid'),
    subgid: textOf('/etc/subgid'),
    hasProgram: (name) => findProgram(name) !== undefined,
  };
}

function nameOfUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
