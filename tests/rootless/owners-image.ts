import { join } from 'node:path';
import { expect } from 'vitest';
import { filesBelow } from './files-below.ts';
import { severalOwners } from './several-owners.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

/** A container of the image on quilt, without a workspace. */
export const ofOwners = ['--tier', 'quilt', '--image', 'owners:1', '--no-workspace'] as const;

/** Loads image `owners:1` as the user. */
export async function loadOwners(user: UnprivilegedUser): Promise<void> {
  await user.does('images', 'load', await user.file('owners.tar', await severalOwners()));
}

/** Removes sandboxes, and every image; fails when the library keeps a layer or a blob, or gc finds something. */
export async function removeAll(user: UnprivilegedUser, ...sandboxes: readonly string[]): Promise<void> {
  if (sandboxes.length > 0) await user.does('rm', '--force', ...sandboxes);
  const images = await user.does('images', 'ls', '--quiet');
  await user.does('images', 'rm', ...images.split('\n'));
  await user.does('gc');
  const library = join(user.home, 'state', 'images', 'library');
  const kept = [
    ...(await filesBelow(join(library, 'layers'))),
    ...(await filesBelow(join(library, 'blobs'))),
  ];
  const below = kept.map(({ path }) => path.slice(library.length + 1));
  expect(below.toSorted()).toEqual(['blobs/sha256', 'layers/empty']);
}
