import { SovereignError } from '@sovereign/protocol';

/** What the host's own file system refuses, as an error of ours; anything else stays what it is. */
export function hostFileError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('syscall' in thrown) || !('code' in thrown)) return thrown;
  const reasons: Readonly<Record<string, 'file.not-found' | 'file.exists' | 'file.no-space'>> = {
    ENOENT: 'file.not-found',
    EEXIST: 'file.exists',
    ENOSPC: 'file.no-space',
  };
  return new SovereignError({
    reason: reasons[String(thrown.code)] ?? 'file.failed',
    message: `On this host: ${thrown.message}.`,
    hint: 'path' in thrown ? `Look at ${String(thrown.path)}.` : 'Look at what the system says.',
    context: { syscall: String(thrown.syscall), errno: String(thrown.code) },
    cause: thrown,
  });
}
