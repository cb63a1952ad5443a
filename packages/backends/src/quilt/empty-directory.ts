import { SovereignError } from '@sovereign/protocol';
import { stagedPath } from '@sovereign/guest';
import { withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

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
