import { chownSync, linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchHelper } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import { machineFiles } from './machine-root.ts';

/** A file that a monitor opens, by its name in the monitor's directory. */
export interface PlacedFile {
  readonly name: string;
  /** Absolute path on the host. */
  readonly source: string;
  /** The monitor writes to it. */
  readonly isWritable: boolean;
}

export interface RootInit {
  readonly helper: LaunchHelper;
  readonly root: string;
  readonly files: readonly PlacedFile[];
  /** Of a monitor in a jail; undefined for one that runs as ourselves and sees the paths of the host. */
  readonly uid: number | undefined;
}

const copyTimeoutMs = 120_000;

/** Puts everything that a monitor opens into the directory that it runs in. */
export async function prepareRoot({ helper, root, files, uid }: RootInit): Promise<void> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  for (const name of [machineFiles.apiSocket, machineFiles.vsockSocket])
    rmSync(join(root, name), { force: true });
  for (const file of files) await place(helper, file, join(root, file.name), uid);
  if (uid !== undefined) chownSync(root, uid, uid);
}

/**
 * SAFETY: into a jail goes a hard link or a copy, and the monitor's user owns only what it is to write; a symbolic link
 * would point out of the jail (prepare-root.test.ts).
 */
async function place(
  helper: LaunchHelper,
  { source, isWritable }: PlacedFile,
  target: string,
  uid: number | undefined,
): Promise<void> {
  if (source === target) return;
  rmSync(target, { force: true });
  if (uid === undefined) {
    symlinkSync(source, target);
    return;
  }
  try {
    linkSync(source, target);
  } catch (error) {
    // Another file system; what is written to has to stay the file that it is.
    if (isWritable) throw error;
    await copySparse(helper, source, target);
  }
  if (isWritable) chownSync(target, uid, uid);
}

/** Copies a file with its holes, sharing blocks where the file system can. */
export async function copySparse(helper: LaunchHelper, source: string, target: string): Promise<void> {
  const { exitCode, stderr } = await helper.run(
    ['cp', '--reflink=auto', '--sparse=always', '--', source, target],
    {
      timeoutMs: copyTimeoutMs,
    },
  );
  if (exitCode === 0) return;
  rmSync(target, { force: true });
  throw new SovereignError({
    reason: 'sandbox.create-failed',
    message: `A file of a microVM could not be copied: ${source} (${stderr.trim().slice(0, 200)}).`,
    hint: 'Look at the state directory: is its disk full?',
    context: { path: source },
  });
}
