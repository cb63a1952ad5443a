import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import { findProgram, firstLines, type LaunchHelper } from '@sovereign/guest';

const timeoutMs = 120_000;

/** The smallest file system of ext4 that holds anything. */
export const minVolumeBytes = 1_048_576;

/**
 * Makes a sparse file with an empty ext4 file system of that size (ADR 0013): the quota of a volume.
 *
 * @throws SovereignError `limit.unsupported` where it could not be mounted, or not be made
 */
export async function makeVolumeImage(path: string, sizeBytes: number, helper: LaunchHelper): Promise<void> {
  const [make, debug] = [program('mkfs.ext4'), program('debugfs')];
  if (process.geteuid?.() !== 0) throw unsupported('only root may mount a file system of its own');
  if (!existsSync('/dev/loop-control'))
    throw unsupported('the kernel has no loop devices (/dev/loop-control)');
  if (make === undefined || debug === undefined) throw unsupported('e2fsprogs is not installed');
  writeFileSync(path, '', { mode: 0o600, flag: 'wx' });
  truncateSync(path, sizeBytes);
  // Nothing is kept back for root, who is nobody special inside; and nothing is in it that its owner did not put there.
  const steps = [
    [make, '-q', '-F', '-m', '0', '-E', 'root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1', path],
    [debug, '-w', '-R', 'rmdir lost+found', path],
  ];
  for (const argv of steps) {
    const result = await helper.run(argv, { timeoutMs });
    if (result.exitCode !== 0) throw unsupported(`${argv[0] ?? ''} said: ${firstLines(result.stderr)}`);
  }
}

function program(name: string): string | undefined {
  return findProgram(name, `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`);
}

function unsupported(why: string): SovereignError {
  return new SovereignError({
    reason: 'limit.unsupported',
    message: `A volume cannot be given a size here: ${why}.`,
    hint: 'Leave sizeBytes out, or run as root on a host with loop devices and e2fsprogs.',
  });
}
