import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { FileInfo } from '../contract/files.ts';
import type { CopySubject, CopyTally } from './copy-tally.ts';
import { entryName } from './entry-name.ts';
import { HostDirectory } from './host-directory.ts';

const readBytes = 256 * 1024;

/** Copies a file or directory of the host into a sandbox. Links are copied as links, and never read through. */
export async function copyIn(
  sandbox: CopySubject,
  from: string,
  to: string,
  tally: CopyTally,
): Promise<void> {
  const source = await stat(from);
  const name = entryName(from) ?? (from.endsWith('/.') ? undefined : basename(resolve(from)));
  const existing = await statInside(sandbox, to);
  const target = existing?.kind === 'directory' && name !== undefined ? `${to}/${name}` : to;
  if (source.isDirectory()) {
    const directory = await HostDirectory.open(from);
    return copyDirectory(sandbox, directory, target, tally).finally(() => directory.close());
  }
  // What the caller names may be a link; it is followed once, here.
  await copyFile(sandbox, await open(from, constants.O_RDONLY | constants.O_NONBLOCK), target, tally);
}

async function copyDirectory(
  sandbox: CopySubject,
  from: HostDirectory,
  to: string,
  tally: CopyTally,
): Promise<void> {
  await makeDirectory(sandbox, to, await from.mode());
  tally.directories++;
  for (const { name, kind } of await from.entries()) {
    const path = `${to}/${name}`;
    if (kind === 'directory') {
      const directory = await from.enter(name);
      await copyDirectory(sandbox, directory, path, tally).finally(() => directory.close());
    } else if (kind === 'file') await copyFile(sandbox, await from.openFile(name), path, tally);
    else if (kind === 'link') await copyLink(sandbox, await from.readLink(name), path, tally);
    else await tally.skip(path, 'it is neither a file, nor a directory, nor a link');
  }
}

async function copyFile(sandbox: CopySubject, file: FileHandle, to: string, tally: CopyTally): Promise<void> {
  try {
    const found = await file.stat();
    // Swapped since it was listed.
    if (!found.isFile()) {
      await tally.skip(to, 'it is no file any more');
      return;
    }
    const content = file.createReadStream({
      highWaterMark: readBytes,
      autoClose: false,
    }) as AsyncIterable<Uint8Array>;
    await sandbox.files.write(to, tally.counting(content), { mode: found.mode & 0o777 });
    tally.files++;
  } finally {
    await file.close();
  }
}

async function copyLink(sandbox: CopySubject, target: string, to: string, tally: CopyTally): Promise<void> {
  const made = await sandbox.exec({ command: 'ln', args: ['-sfn', '--', target, to], isGuestOwn: true });
  if (made.exitCode === 0) tally.links++;
  else await tally.skip(to, 'the link could not be made in the sandbox');
}

async function makeDirectory(sandbox: CopySubject, path: string, mode: number): Promise<void> {
  try {
    await sandbox.files.makeDirectory(path, { mode });
  } catch (error) {
    if (!(error instanceof SovereignError && error.reason === 'file.exists')) throw error;
    if ((await sandbox.files.stat(path)).kind !== 'directory') throw error;
  }
}

async function statInside(sandbox: CopySubject, path: string): Promise<FileInfo | undefined> {
  try {
    return await sandbox.files.stat(path);
  } catch (error) {
    if (error instanceof SovereignError && error.reason === 'file.not-found') return undefined;
    throw error;
  }
}
