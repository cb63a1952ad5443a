import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { ArchiveSource } from '@sovereign/sdk';
import { UsageError } from '../errors/usage-error.ts';
import { stdinSource } from '../process/stdin-source.ts';

/** An archive that a command is to read: a path, or `-` for stdin. @throws UsageError */
export function archiveArgument(text: string): ArchiveSource {
  if (text !== '-') return resolve(text);
  const stdin = isatty(0) ? undefined : stdinSource({ isInteractive: true });
  if (stdin !== undefined) return stdin;
  throw new UsageError('-: nothing comes on stdin.', 'Pipe an archive into it, or name a file.');
}
