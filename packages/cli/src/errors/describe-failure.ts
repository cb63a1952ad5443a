import { type ErrorEnvelope, SovereignError } from '@sovereign/protocol';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** A failure as people and programs are told of it. */
export interface Failure {
  readonly exitCode: number;
  /** The shape of `error` with --json; the same as that of a SovereignError. */
  readonly error: ErrorEnvelope;
}

/** Whatever was thrown: ours, that of the sdk, or a defect. */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof SovereignError) return { exitCode: exitCodes.failure, error: thrown.toJSON() };
  if (thrown instanceof UsageError) {
    const { message, hint } = thrown;
    const reason = {
      code: 'INVALID_ARGUMENT',
      reason: 'argument.invalid',
      retryable: false,
      context: {},
    } as const;
    return { exitCode: exitCodes.usage, error: { ...reason, message, hint } };
  }
  return { exitCode: exitCodes.failure, error: hostFailure(thrown) ?? defect(thrown) };
}

/** What the host's own file system refuses, while copying for instance. */
function hostFailure(thrown: unknown): ErrorEnvelope | undefined {
  if (!(thrown instanceof Error) || !('syscall' in thrown) || !('code' in thrown)) return undefined;
  const path = 'path' in thrown ? String(thrown.path) : '';
  return new SovereignError({
    reason:
      thrown.code === 'ENOENT' ? 'file.not-found' : thrown.code === 'EEXIST' ? 'file.exists' : 'file.failed',
    message: `On this host: ${thrown.message}.`,
    hint: path === '' ? 'Look at what the system says.' : `Look at ${path}.`,
    context: { syscall: String(thrown.syscall), errno: String(thrown.code) },
  }).toJSON();
}

function defect(thrown: unknown): ErrorEnvelope {
  return new SovereignError({
    reason: 'internal',
    message: `Unexpected failure: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
    hint: 'This is a defect; report it with what you did before. SOVEREIGN_DEBUG=1 shows where it happened.',
  }).toJSON();
}
