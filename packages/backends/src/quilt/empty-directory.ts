import { rm } from 'node:fs/promises';
import { SovereignError } from '@sovereign/protocol';
import { stagedPath } from '@sovereign/guest';
import { withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

/** Deletes a directory that may hold files of a guest's users. */
export async function removeDirectory(directory: string, options: ScratchOptions): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await emptyDirectory(directory, options);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Deletes what is in a directory as root of a scratch guest, to whom all ids that a guest can use belong. */
export async function emptyDirectory(directory: string, options: ScratchOptions): Promise<void> {
  const scratch: ScratchOptions = {
    ...options,
    staged: [{ source: directory, name: 'doomed' }],
    mounts: [{ kind: 'bind', source: stagedPath('doomed'), target: '/doomed' }],
  };
  const exit = await withScratchGuest(scratch, async (channel) => {
    const script = 'cd /doomed && find . -mindepth 1 -delete';
    return channel.exec(
      { command: 'sh', args: ['-c', script], cwd: '/', env: ['PATH=/usr/bin:/bin'] },
      () => undefined,
    ).exit;
  });
  if (exit.exitCode === 0) return;
  throw new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `Files of a sandbox could not be deleted: ${directory} (find ended with ${exit.exitCode}).`,
    hint: 'Look at what is left there, then try again.',
    context: { path: directory },
  });
}
