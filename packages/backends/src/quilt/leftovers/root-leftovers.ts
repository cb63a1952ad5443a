import { SovereignError } from '@sovereign/protocol';
import { isCorrupt, type SandboxId } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import type { TarRoots } from '../tar-roots.ts';
import { diskUsage } from './disk-usage.ts';
import type { FoundLeftover } from './found-leftover.ts';
import { removeTree } from './owned-leftovers.ts';

/** Roots unpacked from archives that no sandbox has, and nobody is about to give to one. */
export function* rootLeftovers(host: EngineHost, roots: TarRoots): Iterable<FoundLeftover> {
  const unmarked = roots.unmarked();
  if (unmarked.length === 0) return;
  const isUsed = usedRoots(host);
  for (const name of unmarked) {
    if (isUsed(name)) continue;
    yield {
      kind: 'root',
      id: name,
      why: 'it was unpacked from an archive, and no sandbox is made of it',
      bytes: diskUsage(roots.path(name)),
      remove: async () => {
        await removeTree(host, await roots.takeAway(name, (one) => usedRoots(host)(one)));
      },
    };
  }
}

/** Whether a sandbox has it; of one that does not say what it is made of, every root may be its own. */
function usedRoots(host: EngineHost): (name: string) => boolean {
  const used = new Set<string>();
  for (const id of host.state.ids()) {
    const name = host.state.rootName(id);
    if (name !== undefined) used.add(name);
    else if (mayHaveRoot(host, id)) return () => true;
  }
  return (name) => used.has(name);
}

function mayHaveRoot(host: EngineHost, id: SandboxId): boolean {
  try {
    return host.state.readSpec(id).image.kind === 'tar';
  } catch (error) {
    if (isCorrupt(error)) return true;
    if (error instanceof SovereignError && error.reason === 'sandbox.not-found') return false;
    throw error;
  }
}
