import { existsSync } from 'node:fs';
import process from 'node:process';
import { sayPhase } from '../phases/phase.mjs';
import { isOnPath } from '../setup/host-programs.mjs';

/** What of `SOVEREIGN_REQUIRE` can be seen from here; tiers are judged by the tests themselves, which probe them. */
/** @type {Readonly<Record<string, () => boolean>>} */
const probes = {
  bubblewrap: () => isOnPath('bwrap'),
  busybox: () => isOnPath('busybox'),
  uidmap: () => isOnPath('newuidmap') && isOnPath('newgidmap'),
  crun: () => isOnPath('crun'),
  python: () => isOnPath('python3'),
  cc: () => isOnPath('cc') && isOnPath('make'),
  ssh: () => isOnPath('ssh') && (isOnPath('sshd') || existsSync('/usr/sbin/sshd')),
  clang: () => isOnPath('clang'),
  root: () => process.getuid?.() === 0,
};

/**
 * One failure for each thing that this host must have and does not.
 *
 * @returns {import('./tally.mjs').Tally}
 */
export function checkRequiredPrograms() {
  const names = (process.env['SOVEREIGN_REQUIRE'] ?? '').split(',').map((name) => name.trim());
  const missing = names.filter((name) => Object.hasOwn(probes, name) && probes[name]?.() !== true);
  for (const name of missing)
    sayPhase('failed', `${name} is required on this host and missing`, 'SOVEREIGN_REQUIRE');
  return { passed: 0, failed: missing.length, skipped: [] };
}
