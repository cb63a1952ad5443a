import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { isAlive, isSandboxId, type SandboxId } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { isPausedByNobody, wake } from '../layers/while-still.ts';
import { diskUsage } from './disk-usage.ts';
import type { FoundLeftover } from './found-leftover.ts';
import { namesIn, removeTree } from './owned-leftovers.ts';

/** What is younger may be in the making by somebody who lives. */
const staleAfterMs = 60_000;

/** Halves of sandboxes, and what the kernel holds of those that are gone. */
export function* sandboxLeftovers(host: EngineHost): Iterable<FoundLeftover> {
  yield* halves(host);
  yield* sockets(host);
  yield* names(host);
  yield* groups(host);
  for (const id of host.state.ids()) {
    if (host.state.isAbandoned(id)) yield abandoned(host, id);
    else if (isStray(host, id)) yield stray(host, id);
    else if (isPausedByNobody(host, id)) yield pause(host, id);
  }
}

function* halves(host: EngineHost): Iterable<FoundLeftover> {
  const directory = join(host.directory, 'sandboxes');
  for (const name of namesIn(directory)) {
    const match = /^(sbx_[0-9a-z]{12})\.(partial|removed)$/.exec(name);
    const path = join(directory, name);
    if (match === null || isYoung(path)) continue;
    const what = match[2] === 'partial' ? 'its create' : 'its removal';
    yield {
      kind: 'directory',
      id: path,
      why: `${what} was broken off`,
      bytes: diskUsage(path),
      remove: () => removeTree(host, path),
    };
  }
}

function* sockets(host: EngineHost): Iterable<FoundLeftover> {
  const ids = new Set<string>(host.state.ids());
  for (const name of namesIn(host.runtimeDirectory)) {
    const id = /^(sbx_[0-9a-z]{12})\.sock$/.exec(name)?.[1];
    const path = join(host.runtimeDirectory, name);
    if (id === undefined || ids.has(id) || isYoung(path)) continue;
    yield plainFile('socket', path, 'its sandbox is gone');
  }
}

function* names(host: EngineHost): Iterable<FoundLeftover> {
  const directory = join(host.directory, 'names');
  const ids = new Set<string>(host.state.ids());
  for (const name of namesIn(directory)) {
    const path = join(directory, name);
    if (name.includes('.of-') || isYoung(path)) continue;
    const holder = readFileSync(path, 'utf8').slice(0, 64);
    if (!ids.has(holder)) yield plainFile('name', path, 'its sandbox is gone');
  }
}

/**
 * Control groups of sandboxes that nobody knows. SAFETY: another state directory has its groups in the same place, so
 * only an empty group counts, which no sandbox of any needs; removing it is refused by the kernel if that has changed.
 */
function* groups(host: EngineHost): Iterable<FoundLeftover> {
  const ids = new Set<string>(host.state.ids());
  for (const id of host.cgroups.list()) {
    if (!isSandboxId(id) || ids.has(id) || host.cgroups.processes(id).length > 0) continue;
    if (Date.now() - host.cgroups.madeMs(id) < staleAfterMs) continue;
    yield {
      kind: 'cgroup',
      id,
      why: 'no process is in it, and its sandbox is gone',
      bytes: 0,
      remove: () => {
        host.cgroups.remove(id);
        return Promise.resolve();
      },
    };
  }
}

function abandoned(host: EngineHost, id: SandboxId): FoundLeftover {
  return {
    kind: 'sandbox',
    id,
    why: 'the process that was creating it ended before it was whole',
    bytes: diskUsage(host.state.directory(id)),
    remove: () => host.guest(id).remove(),
  };
}

/** A guest that came up, and whose client died before it had recorded that. */
function isStray(host: EngineHost, id: SandboxId): boolean {
  try {
    const guest = host.state.readGuest(id);
    if (guest !== undefined && isAlive(guest)) return false;
    return host.cgroups.processes(id).length > 0 && !host.state.isBeingStarted(id);
  } catch (error) {
    if (error instanceof SovereignError) return false;
    throw error;
  }
}

function stray(host: EngineHost, id: SandboxId): FoundLeftover {
  return {
    kind: 'process',
    id,
    why: 'it came up, and the process that started it ended before it had recorded that',
    bytes: 0,
    remove: async () => {
      if (isStray(host, id)) await host.guest(id).killStray();
    },
  };
}

function pause(host: EngineHost, id: SandboxId): FoundLeftover {
  return {
    kind: 'pause',
    id,
    why: 'it was paused for a moment, and the process that was to let it run on has ended',
    bytes: 0,
    remove: () => wake(host, id),
  };
}

function plainFile(kind: string, path: string, why: string): FoundLeftover {
  return {
    kind,
    id: path,
    why,
    bytes: 0,
    remove: () => {
      rmSync(path, { force: true });
      return Promise.resolve();
    },
  };
}

function isYoung(path: string): boolean {
  const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return changedMs !== undefined && Date.now() - changedMs < staleAfterMs;
}
