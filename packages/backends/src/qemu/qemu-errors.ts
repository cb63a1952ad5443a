import type { SandboxId, SandboxSpec } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

/** @throws SovereignError `argument.invalid`, `capability.missing`, `limit.unsupported` for what this backend cannot give */
export function checkSupported(spec: SandboxSpec): void {
  if (spec.isInsecure) {
    throw new SovereignError({
      reason: 'argument.invalid',
      message: 'A microVM does not run with isInsecure.',
      hint: 'Leave it out, or ask for the process tier.',
    });
  }
  if (spec.network === 'host') {
    throw new SovereignError({
      reason: 'capability.missing',
      message: 'A microVM has no network card: the network of the host cannot be given to it.',
      hint: 'Leave the network out, or ask for the container tier.',
      context: { operation: 'network' },
    });
  }
  if (spec.limits.pids !== undefined) {
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `A microVM has no limit on processes: ${spec.limits.pids}. Its memory bounds them.`,
      hint: 'Leave the limit out: nothing in the machine reaches processes of the host.',
    });
  }
}

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
