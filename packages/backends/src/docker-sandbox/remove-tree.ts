import { existsSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import { findProgram } from '@sovereign/guest';
import { runProgram } from './run-program.ts';

const timeoutMs = 600_000;

/** Deletes a directory that a guest could write to. Names in it may be too deep for one path: rm descends step by step. */
export async function removeTree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const rm = findProgram('rm') ?? '/bin/rm';
  const { exitCode, stderr } = await runProgram({ path: rm, argv: ['-rf', '--', path], env: {}, timeoutMs });
  if (exitCode === 0) return;
  throw new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `The directory of the sandbox cannot be deleted: ${path} (${stderr.slice(0, 200)}).`,
    hint: 'Delete it as the user that owns what is in it.',
    context: { path },
  });
}
