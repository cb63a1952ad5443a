import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { findShelld } from '@sovereign/guest';
import { absent, available, type Available } from '../figure.ts';
import { findProgram } from './find-program.ts';
import { FloorGuest, type FloorLaunch } from './floor-guest.ts';

/** bubblewrap by hand: all namespaces and the host's /usr, without user ids, limits, overlay or checks. */
export function bwrapFloor(): Available<FloorLaunch> {
  const shelld = builtShelld();
  if (!shelld.ok) return shelld;
  const bwrap = findProgram('bwrap');
  if (bwrap === undefined) return absent('bubblewrap is not installed');
  const argv: [string, ...string[]] = [bwrap, '--unshare-all', '--as-pid-1', '--ro-bind', '/usr', '/usr'];
  for (const { target, points } of systemLinks()) argv.push('--symlink', points, target);
  argv.push('--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--ro-bind', shelld.value, '/run/shelld');
  argv.push('--', '/run/shelld', 'serve', '--stdio', '--exit-on-disconnect');
  return available({ launch: () => new FloorGuest(argv), close: () => Promise.resolve() });
}

/** The guest daemon, or what is to be done to have it. */
export function builtShelld(): Available<string> {
  try {
    return available(findShelld());
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
}

/** Where the programs and libraries of a host with a merged /usr are looked for. */
export function systemLinks(): readonly { readonly target: string; readonly points: string }[] {
  return ['/bin', '/lib', '/lib64']
    .filter((target) => existsSync(target) && lstatSync(target).isSymbolicLink())
    .map((target) => ({ target, points: readlinkSync(target) }));
}
