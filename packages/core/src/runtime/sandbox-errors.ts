import { SovereignError } from '@sovereign/protocol';
import type { GuestState } from '../contract/backend.ts';

export function sandboxNotFound(idOrName: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-found',
    message: `Sandbox ${JSON.stringify(idOrName.slice(0, 64))}: none has that id or name.`,
    hint: 'List sandboxes to see those there are.',
  });
}

export function sandboxExists(name: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.exists',
    message: `Sandbox ${JSON.stringify(name)}: the name is taken.`,
    hint: 'Attach to it, remove it, or choose another name.',
    context: { name },
  });
}

/** What may be done about a sandbox in a state in which nothing can be said to it. */
const wayOut: Readonly<Record<GuestState | 'removed', (id: string) => string>> = {
  created: (id) => `Start it first: sovereign start ${id}`,
  stopped: (id) => `Start it first: sovereign start ${id}`,
  paused: (id) => `Resume it first: sovereign unpause ${id}`,
  removed: () => 'Create another one.',
  broken: (id) => `Remove it: sovereign rm --force ${id}`,
  running: () => 'Try again.',
};

export function notRunning(id: string, state: GuestState | 'removed'): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${id} is ${state}.`,
    hint: wayOut[state](id),
    context: { sandbox: id },
  });
}

export function sandboxReserved(id: string, pool: string): SovereignError {
  return new SovereignError({
    reason: 'pool.reserved',
    message: `Sandbox ${id} is kept ready by pool ${pool} and is nobody's yet.`,
    hint: 'Claim one from the pool.',
    context: { sandbox: id, pool },
  });
}
