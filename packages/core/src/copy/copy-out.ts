import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { FileInfo } from '../contract/files.ts';
import { invalid } from '../runtime/argument-checks.ts';
import type { CopySubject, CopyTally } from './copy-tally.ts';
import { entryName } from './entry-name.ts';
import { HostDirectory } from './host-directory.ts';
import { nameProblem, staysWithin } from './hostile-entry.ts';

/** Directories within directories that are followed: a guest can claim that there is no end to them. */
const maxDepth = 200;
const pageEntries = 1_000;

/** Copies a file or directory of a sandbox to the host. What is in it is the guest's claim: nothing leaves the destination. */
export async function copyOut(
  sandbox: CopySubject,
  from: string,
  to: string,
  tally: CopyTally,
): Promise<void> {
  const source = await sandbox.files.stat(from);
  const existing = await stat(to).catch(() => undefined);
  if (source.kind !== 'directory' && source.kind !== 'file') {
    throw invalid('from', from, 'a file or a directory; copy what else there is by a command');
  }
  if (existing?.isDirectory() !== true) {
    if (source.kind === 'file' && to.endsWith('/')) throw invalid('to', to, 'a directory that exists');
    if (source.kind === 'directory' && existing !== undefined)
      throw invalid('to', to, `a directory, as ${from} is one`);
  }
  const name = existing?.isDirectory() === true ? entryName(from) : basename(to);
  const into = await HostDirectory.open(existing?.isDirectory() === true ? to : dirname(to));
  try {
    if (source.kind === 'file')
      await copyFile(sandbox, from, source, into, name ?? basename(source.name), tally);
    else if (name === undefined) await copyEntries(sandbox, from, into, 0, tally);
    else await copyDirectory(sandbox, from, source, into, name, 0, tally);
  } finally {
    await into.close();
  }
}

async function copyFile(
  sandbox: CopySubject,
  path: string,
  { mode }: FileInfo,
  into: HostDirectory,
  name: string,
  tally: CopyTally,
): Promise<void> {
  await into.writeFile(name, mode, tally.counting(sandbox.files.read(path)));
  tally.files++;
}

async function copyDirectory(
  sandbox: CopySubject,
  path: string,
  { mode }: FileInfo,
  into: HostDirectory,
  name: string,
  depth: number,
  tally: CopyTally,
): Promise<void> {
  const directory = await into.enterOrMake(name, mode & 0o777);
  try {
    tally.directories++;
    await copyEntries(sandbox, path, directory, depth, tally);
  } finally {
    await directory.close();
  }
}

async function copyEntries(
  sandbox: CopySubject,
  path: string,
  into: HostDirectory,
  depth: number,
  tally: CopyTally,
): Promise<void> {
  if (depth > maxDepth) return tally.skip(path, `it lies more than ${maxDepth} directories deep`);
  for (let offset = 0; ; offset += pageEntries) {
    const { entries } = await sandbox.files.list(path, { offset, limit: pageEntries });
    for (const entry of entries) await copyEntry(sandbox, `${path}/${entry.name}`, entry, into, depth, tally);
    if (entries.length < pageEntries) return;
  }
}

async function copyEntry(
  sandbox: CopySubject,
  path: string,
  entry: FileInfo,
  into: HostDirectory,
  depth: number,
  tally: CopyTally,
): Promise<void> {
  const problem = nameProblem(entry.name);
  if (problem !== undefined) return tally.skip(path, problem);
  if (entry.kind === 'directory')
    return copyDirectory(sandbox, path, entry, into, entry.name, depth + 1, tally);
  if (entry.kind === 'file') return copyFile(sandbox, path, entry, into, entry.name, tally);
  if (entry.kind === 'other') return tally.skip(path, 'it is neither a file, nor a directory, nor a link');
  const { target } = entry;
  if (target === null || !staysWithin(target, depth)) {
    return tally.skip(path, `the link leads out of the copy (${target ?? 'nowhere'})`);
  }
  await into.link(entry.name, target);
  tally.links++;
}
