import type { ExitStatus, GuestProcess } from '../contract/exec.ts';
import { StdinPump } from './stdin-pump.ts';
import { cancelled } from './to-sovereign-error.ts';

export interface Attendance {
  readonly source?: AsyncIterable<Uint8Array> | undefined;
  readonly isLeftOpen?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Rejects when the caller's own part fails, a sink for instance: the process is killed then. */
  readonly failure?: Promise<never> | undefined;
}

/**
 * Follows a process to its end while feeding its stdin and watching for the caller's wish to stop. When something on
 * our side ends it early, everything it started is killed before this rejects.
 */
export async function attend(
  process: GuestProcess,
  { source, isLeftOpen = false, signal, failure }: Attendance,
): Promise<ExitStatus> {
  let ended: { readonly why: unknown; readonly killed: Promise<unknown> } | undefined;
  const endEarly = (why: unknown) => {
    ended ??= { why, killed: process.kill().catch(() => undefined) };
  };
  const onAbort = () => endEarly(cancelled(signal?.reason));
  const pump = source === undefined ? undefined : new StdinPump(process, source);
  pump?.run(isLeftOpen).catch(endEarly);
  failure?.catch(endEarly);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const status = await process.exit;
    if (ended === undefined) return status;
    await ended.killed;
    throw ended.why;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    pump?.stop();
  }
}
