import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { runStep, type StepOptions } from './run-step.ts';

/** Nothing is compressed: reading is what a guest does all day, and unpacking without KVM is slow. */
const squashOptions = ['-noI', '-noD', '-noF', '-noX', '-no-progress', '-mkfs-time', '0'] as const;

/**
 * What sqfstar gives the root directory, whose entry in an archive it leaves out.
 *
 * SAFETY: left to itself it makes the root 0777 and of today: every user of a guest could replace what is root's wherever
 * the image is not below a layer with a root of its own. tests/microvm/root-images.test.ts holds it.
 */
const rootOptions = ['-root-mode', '0755', '-root-uid', '0', '-root-gid', '0', '-root-time', '0'] as const;

/** Packs a directory as a squashfs. Who is not root cannot keep owners: everything is root's then. */
export async function packDirectory(
  source: string,
  target: string,
  options: StepOptions,
): Promise<undefined> {
  const isRoot = process.geteuid?.() === 0;
  await runStep(
    ['mksquashfs', source, target, '-noappend', ...squashOptions, ...(isRoot ? [] : ['-all-root'])],
    options,
  );
  return undefined;
}

/**
 * Packs a plain tar as a squashfs.
 *
 * SAFETY: it goes from stream to file and nothing in it becomes a name on the host (CVE-2018-15664 and its kind); and it has
 * been written by `flattenLayers`, so that no header of an archive of others reaches sqfstar's parser.
 * tests/microvm/root-images.test.ts holds it.
 */
export async function packTar(
  tar: AsyncIterable<Uint8Array>,
  target: string,
  options: StepOptions,
): Promise<undefined> {
  await runStep(['sqfstar', ...squashOptions, ...rootOptions, target], { ...options, input: tar });
  return undefined;
}

/**
 * What tells a directory tree from a changed one: every name with its kind, mode, owner, size, times and inode.
 * Contents are not read: a change that leaves all of these as they were would go unseen, and nothing makes one.
 */
export function fingerprintOf(root: string): string {
  const hash = createHash('sha256');
  const walk = (path: string, name: string): void => {
    const info = lstatSync(path, { bigint: true });
    hash.update(
      `${name}\0${info.mode} ${info.uid} ${info.gid} ${info.size} ${info.mtimeNs} ${info.ctimeNs} ${info.ino}\n`,
    );
    if (!info.isDirectory()) return;
    for (const entry of readdirSync(path).toSorted()) walk(join(path, entry), `${name}/${entry}`);
  };
  walk(root, '');
  return hash.digest('hex');
}

/** @throws SovereignError `image.invalid` */
export function checkRootDirectory(path: string): string {
  const shells = ['bin/sh', 'usr/bin/sh', 'bin/busybox', 'usr/bin', 'bin'];
  if (path.startsWith('/') && path !== '/' && shells.some((name) => existsSync(join(path, name))))
    return path;
  throw invalidImage(
    path,
    'it is no root file system (an absolute path to a directory with bin or usr/bin, not /)',
  );
}

/** @throws SovereignError `image.invalid` */
export function checkTar(path: string): string {
  const info = path.startsWith('/') ? statSync(path, { throwIfNoEntry: false }) : undefined;
  if (info?.isFile() === true) return path;
  throw invalidImage(path, 'it is not a file (an absolute path to a tar archive expected)');
}

export function invalidImage(path: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `This cannot be used as an image: ${path}: ${problem}.`,
    hint: 'Give a directory or a tar archive (plain, gzip or zstd) of a root file system.',
    context: { path },
  });
}
