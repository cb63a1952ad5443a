import { SovereignError } from '@sovereign/protocol';
import type { GuestState } from '../contract/backend.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';

/** Refuses an operation on a guest that is in none of these states. @throws SovereignError `sandbox.not-running` */
export function expectState(
  id: SandboxId,
  state: GuestState,
  states: readonly GuestState[],
  operation: string,
): void {
  if (states.includes(state)) return;
  throw new SovereignError({
    reason: 'sandbox.not-running',
    message: `Cannot ${operation} ${id}: it is ${state} (${states.join(' or ')} expected).`,
    hint:
      state === 'stopped' || state === 'created'
        ? `Start it: sovereign start ${id}`
        : 'See: sovereign ps --all',
    context: { id, state },
  });
}
