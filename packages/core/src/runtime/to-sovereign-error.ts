import { SovereignError } from '@sovereign/protocol';

/** Whatever was thrown, as the one error of the product. */
export function toSovereignError(error: unknown): SovereignError {
  if (error instanceof SovereignError) return error;
  if (error instanceof Error && error.name === 'AbortError') return cancelled(error);
  return new SovereignError({
    reason: 'internal',
    message: `Unexpected failure: ${error instanceof Error ? error.message : String(error)}.`,
    hint: 'This is a defect; report it with what you did before.',
    cause: error,
  });
}

export function cancelled(cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'operation.cancelled',
    message: 'The operation was cancelled by its caller.',
    hint: 'Nothing to do, unless the signal was not meant to abort.',
    cause,
  });
}

/** @throws SovereignError `operation.cancelled` when the signal has aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal.reason);
}
