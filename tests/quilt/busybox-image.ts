import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageRecord } from '@sovereign/core';
import { findProgram } from '@sovereign/guest';
import { skipOrFail, type Skippable } from '@sovereign/testkit';
import type { QuiltScene } from './scene.ts';

/** Path of busybox; ends a test where there is none. */
export function needsBusybox(context: Skippable): string {
  return findProgram('busybox') ?? skipOrFail(context, 'busybox', 'busybox is not installed');
}

/** A root file system of busybox with something to change. */
export async function busyboxRoot(scene: QuiltScene, busybox: string): Promise<string> {
  const root = join(scene.root, 'busybox');
  for (const name of ['', 'bin', 'etc', 'tmp', 'tree']) await mkdir(join(root, name));
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  for (const name of 'sh ls cat rm mkdir ln chown chmod mkfifo dd stat readlink test grep echo'.split(' '))
    await symlink('busybox', join(root, 'bin', name));
  for (const name of ['kept', 'removed', 'tree/leaf']) await writeFile(join(root, name), `${name}\n`);
  return root;
}

/** The same as image `base` of the library. */
export async function importBusybox(scene: QuiltScene, busybox: string): Promise<ImageRecord> {
  return importRoot(scene, await busyboxRoot(scene, busybox));
}

/** A root file system as image `base` of the library. */
export function importRoot(scene: QuiltScene, root: string): Promise<ImageRecord> {
  const archive = join(scene.root, 'busybox.tar');
  execFileSync('tar', ['-c', '-f', archive, '--owner=0', '--group=0', '-C', root, '.']);
  return scene.engine.images.import(createReadStream(archive), { reference: 'base' });
}
