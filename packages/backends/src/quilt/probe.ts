import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { bootId, type Probe } from '@sovereign/core';
import { findProgram } from '@sovereign/guest';
import type { Cgroups } from './cgroups.ts';
import { idShortfall } from './id-shortfall.ts';
import { knowsFileSystem, withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

/** How long a trial guest may take to answer. */
const answerTimeoutMs = 10_000;

/**
 * Whether quilt runs here, found out by bringing a guest up and asking it. A success is remembered until the next
 * boot, or until the programs involved change; a failure never is.
 */
export async function probeQuilt(
  options: ScratchOptions,
  cgroups: Cgroups,
  signal?: AbortSignal,
): Promise<Probe> {
  if (process.platform !== 'linux')
    return no('quilt needs Linux.', 'On this system, use Docker or the process tier.');
  if (!existsSync(options.shelldPath)) {
    return no(`The guest daemon was not built: ${options.shelldPath}.`, 'Run: npm run build:shelld');
  }
  const bubblewrap = findProgram('bwrap');
  if (bubblewrap === undefined) {
    return no(
      'bubblewrap (bwrap) is not installed.',
      'Install it, for example: sudo apt-get install bubblewrap',
    );
  }
  if (!knowsFileSystem('overlay')) {
    return no('The kernel does not know overlayfs.', 'Load it: sudo modprobe overlay');
  }
  const shortfall = idShortfall();
  const found: Probe = {
    ok: true,
    detail: `bubblewrap, overlayfs, ${describe(cgroups)}${shortfall === undefined ? '' : `, no ids but one (${shortfall.why}): images with files of root alone, and commands as root alone`}`,
    ...(shortfall && { hint: shortfall.hint }),
  };
  const stamp = [bootId(), process.geteuid?.(), modified(bubblewrap), modified(options.shelldPath)].join(' ');
  const stampPath = join(options.imageDirectory, 'probe-succeeded');
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return found;
  try {
    const patience = AbortSignal.timeout(answerTimeoutMs);
    const until = signal === undefined ? patience : AbortSignal.any([patience, signal]);
    await withScratchGuest(options, (channel) => channel.ping(until));
    remember(stampPath, stamp);
    return found;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return no(
      `A trial guest did not come up: ${said}`,
      error instanceof SovereignError ? hintFor(said) : 'See `sovereign doctor`.',
    );
  }
}

/** That it cannot be written, on a full disk for instance, costs the next probe its shortcut and nothing else. */
function remember(path: string, stamp: string): void {
  try {
    writeFileSync(path, stamp);
  } catch {
    rmSync(path, { force: true });
  }
}

function no(reason: string, hint: string): Probe {
  return { ok: false, reason, hint };
}

function modified(path: string): number {
  return statSync(path).mtimeMs;
}

function describe(cgroups: Cgroups): string {
  if (cgroups.version === 'none') return 'no control groups (limits cannot be enforced)';
  return `control groups v${cgroups.version} (${cgroups.controllers.join(', ')})`;
}

/** The usual reasons for which user namespaces are refused, and what a person does about them. */
function hintFor(said: string): string {
  if (!/user namespace|uid_map|Operation not permitted|Permission denied/.test(said))
    return 'See `sovereign doctor`.';
  if (existsSync('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')) {
    return 'Allow user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 23.10 and later).';
  }
  return 'Allow user namespaces: sudo sysctl user.max_user_namespaces=28633 kernel.unprivileged_userns_clone=1';
}
