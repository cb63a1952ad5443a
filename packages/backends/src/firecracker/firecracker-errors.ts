import type { SandboxId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

/** A failure of the kernel, such as a full disk, as a failure of the create; what had been made is removed by then. */
export function createFailed(id: SandboxId, error: unknown): SovereignError {
  if (error instanceof SovereignError) return error;
  return new SovereignError({
    reason: 'sandbox.create-failed',
    message: `Sandbox ${id} could not be made: ${error instanceof Error ? error.message : String(error)}.`,
    hint: 'Look at the state directory: is its disk full, or is it not yours?',
    context: { id },
    cause: error,
  });
}

export function notUndone(id: SandboxId, error: unknown, left: unknown): SovereignError {
  const why = createFailed(id, error);
  return new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `${why.message} What had been made could not be removed: ${left instanceof Error ? left.message : String(left)}`,
    hint: `Remove it when the cause is gone: sovereign rm ${id}`,
    context: { id, because: why.reason },
    cause: left,
  });
}
