import { SovereignError } from '@sovereign/protocol';
import type { Guest } from '../contract/backend.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';

/**
 * A failure of the kernel, such as a full disk, as a failure of the create; what had been made is removed by then.
 *
 * @param place the directory of a backend that it most likely concerns. Default `state`.
 */
export function createFailed(
  id: SandboxId,
  error: unknown,
  place: 'state' | 'runtime' = 'state',
): SovereignError {
  if (error instanceof SovereignError) return error;
  return new SovereignError({
    reason: 'sandbox.create-failed',
    message: `Sandbox ${id} could not be made: ${messageOf(error)}.`,
    hint: `Look at the ${place} directory: is its disk full, or is it not yours?`,
    context: { id },
    cause: error,
  });
}

/**
 * Removes what a create had made when it failed.
 *
 * @param error why it failed; named with what is left when the removal fails too
 * @throws SovereignError `sandbox.remove-failed`
 */
export async function undoCreate(guest: Pick<Guest, 'id' | 'remove'>, error: unknown): Promise<void> {
  try {
    await guest.remove();
  } catch (left) {
    throw notUndone(guest.id, error, left);
  }
}

function notUndone(id: SandboxId, error: unknown, left: unknown): SovereignError {
  const why = createFailed(id, error);
  return new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `${why.message} What had been made could not be removed: ${messageOf(left)}`,
    hint: `Remove it when the cause is gone: sovereign rm ${id}`,
    context: { id, because: why.reason },
    cause: left,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
