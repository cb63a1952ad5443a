import { SovereignError } from '@sovereign/protocol';
import { printable } from './printable.ts';

/** The guest broke the rules of the channel. `what` may hold text of the guest; it is made printable here. */
export function protocolViolation(what: string): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `The guest broke the rules of its channel: ${printable(what)}.`,
    hint: 'Remove the sandbox; what runs in it is not our shelld, or is hostile.',
  });
}

/** The connection is gone: ended by the guest, by an error of the transport, or by `close()`. */
export function channelClosed(how: string, cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'channel.closed',
    message: `The connection to the guest ended: ${printable(how)}.`,
    hint: 'Check that the sandbox still runs, connect again, and attach to what was running.',
    cause,
  });
}

/** The caller's AbortSignal ended the call. */
export function cancelled(what: string): SovereignError {
  return new SovereignError({
    reason: 'operation.cancelled',
    message: `${what} was cancelled.`,
    hint: 'Call again if it is still wanted.',
  });
}

/** What a transport threw, as an error of ours. */
export function transportError(error: unknown): SovereignError {
  if (error instanceof SovereignError) return error;
  return channelClosed(error instanceof Error ? error.message : 'unknown error', error);
}
