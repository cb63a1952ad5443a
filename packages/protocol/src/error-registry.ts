import { callReasons } from './reasons/call-reasons.ts';
import { channelReasons } from './reasons/channel-reasons.ts';
import { containerReasons } from './reasons/container-reasons.ts';
import { sandboxReasons } from './reasons/sandbox-reasons.ts';

/** The sixteen error codes of gRPC: what kind of failure it is. */
export const errorCodes = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** What the registry holds of one reason. */
export interface ReasonShape {
  readonly code: ErrorCode;
  /** True when the same call may succeed later without anything being changed. */
  readonly retryable: boolean;
  /** When it happens, for docs/errors.md. */
  readonly about: string;
}

/**
 * Every reason for which a call can fail. What a command did (exit 1, timed out, not found) is a result and stands here nowhere.
 * A reason that is thrown and does not stand here does not compile; docs/errors.md is checked against this table.
 */
const reasons: typeof callReasons & typeof sandboxReasons & typeof channelReasons & typeof containerReasons =
  {
    ...callReasons,
    ...sandboxReasons,
    ...channelReasons,
    ...containerReasons,
  };

export type ErrorReason = keyof typeof reasons;

export const errorReasons: Readonly<Record<ErrorReason, ReasonShape>> = reasons;
