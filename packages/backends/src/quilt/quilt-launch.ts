import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { type SandboxSpec, hostNameOf } from '@sovereign/core';
import {
  bubblewrapArguments,
  hostExpectations,
  findProgram,
  guestPaths,
  keptCapabilities,
  launchGuest,
  type LaunchedGuest,
  type LaunchHelper,
  type MountEntry,
} from '@sovereign/guest';

import type { GuestRoot } from './guest-root.ts';

/** How long the launcher may take before it is given up: far above its 10 ms, for a host that swaps. */
const launchTimeoutMs = 20_000;

/** A guest to which nobody has connected by then ends. */
const acceptTimeoutMs = 60_000;
/** The same for one that its own maker connects to at once: when that has not happened, its maker was killed. */
const transientAcceptTimeoutMs = 10_000;

/** First host id that guests are mapped to, and how many ranges of 65,536 there are above it. */
const firstIdBase = 0x4000_0000;
const idRanges = 0x3000;

export interface QuiltLaunch {
  readonly helper: LaunchHelper;
  readonly shelldPath: string;
  readonly spec: SandboxSpec;
  readonly root: GuestRoot;
  readonly socketPath: string;
  readonly consolePath: string;
  readonly cgroups: readonly string[];
  /** It ends with its one connection. Default: it ends when it is told to. */
  readonly isTransient?: boolean;
  /** Mounts beside those of the root. */
  readonly extraMounts?: readonly MountEntry[];
  /** Capabilities beside those that every guest keeps; for guests of our own that run nobody's commands. */
  readonly extraCapabilities?: readonly string[];
  /** Without the profile of system calls. Default false. */
  readonly isUnfiltered?: boolean;
}

/** Brings a guest up with bubblewrap as the launcher (ADR 0003) and shelld as PID 1. */
export async function launchQuilt(launch: QuiltLaunch): Promise<LaunchedGuest> {
  const { spec, root } = launch;
  const hasHostNetwork = spec.network === 'host';
  const kept = [...keptCapabilities, ...(launch.extraCapabilities ?? [])];
  const bubblewrap = findProgram('bwrap');
  if (bubblewrap === undefined) throw launcherMissing();
  // A socket that a crashed guest left would refuse the new one.
  rmSync(launch.socketPath, { force: true });
  return launchGuest(launch.helper, launch.shelldPath, {
    socketPath: launch.socketPath,
    consolePath: launch.consolePath,
    cgroups: launch.cgroups,
    ...(process.geteuid?.() === 0 ? { idBase: idBaseOf(spec.id) } : {}),
    ...(root.workspace.workspace === undefined ? {} : { workspace: root.workspace.workspace }),
    shields: root.workspace.shields,
    pins: root.workspace.pins,
    shifted: root.shifted,
    plain: root.plain,
    overlays: [{ name: 'root', lower: root.lower, layer: 'layer' }, ...root.overlays],
    launcher: bubblewrapArguments({
      path: bubblewrap,
      mounts: [...root.mounts, { kind: 'ownFile', target: guestPaths.hosts }, ...(launch.extraMounts ?? [])],
      hostName: hostNameOf(spec),
      hasHostNetwork,
      capabilities: [...kept, 'CAP_SETPCAP'],
      command: [
        guestPaths.shelld,
        'serve',
        ...['--listen-fd', '3', '--root', '/', '--hosts', guestPaths.hosts],
        // SAFETY: by shelld, inside: a link of the image leads nowhere else there. tests/images/user.test.ts holds it.
        ...(root.madeDirectory === undefined ? [] : ['--make-directory', root.madeDirectory]),
        ...(launch.isUnfiltered === true ? [] : ['--seccomp']),
        // Whoever creates or starts a guest asks for its health at once. Where nobody does, its client died meanwhile.
        ...[
          '--accept-timeout-ms',
          String(launch.isTransient === true ? transientAcceptTimeoutMs : acceptTimeoutMs),
        ],
        ...(launch.isTransient === true ? ['--exit-on-disconnect'] : []),
        ...kept.flatMap((name) => ['--keep-capability', name]),
        ...hostExpectations({ hasHostNetwork }),
      ],
    }),
    hasStatusFd: true,
    timeoutMs: launchTimeoutMs,
  });
}

/**
 * The range of host ids of one sandbox, from its random id: two sandboxes share one with a chance of 1 in 12,288,
 * which costs them nothing but the separation of their kernel quotas.
 */
function idBaseOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return firstIdBase + (hash % idRanges) * 0x1_0000;
}

export function launcherMissing(): SovereignError {
  return new SovereignError({
    reason: 'launcher.missing',
    message: 'bubblewrap (bwrap) is not installed.',
    hint: 'Install it, for example: sudo apt-get install bubblewrap',
  });
}

/** Deletes sockets of sandboxes that are gone: a client can die in the middle of a launch that goes on without it. */
export function sweepSockets(directory: string, isKnown: (id: string) => boolean): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const id = /^(sbx_[0-9a-z]{12})\.sock$/.exec(name)?.[1];
    if (id === undefined || isKnown(id)) continue;
    const madeMs = statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - madeMs >= acceptTimeoutMs) rmSync(join(directory, name), { force: true });
  }
}

/** Makes the directory of sockets; its mode is what keeps other users out. */
export function makeSocketDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
