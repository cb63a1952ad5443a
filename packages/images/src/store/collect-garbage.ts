import { existsSync, lstatSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isOwnedAlive, isOwnedName, ownedName, type Leftover } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import type { LibraryCore } from '../library-core.ts';
import { hexOf } from '../reference/digest.ts';

/** A lease is written before its sandbox is; until then it belongs to nobody who can be seen. */
const youngMs = 60_000;

/**
 * What nobody needs. While somebody brings content in, blobs and layers are left alone: what has arrived is named last.
 *
 * SAFETY: needed is what the manifests need that are named or held. A manifest that cannot be read makes everything needed.
 * store/collect-garbage.test.ts holds it.
 */
export async function findLeftovers(
  core: LibraryCore,
  isAlive: (owner: string) => boolean,
): Promise<readonly Leftover[]> {
  if (!core.exists) return [];
  const { paths } = core;
  const found: Leftover[] = [];
  for (const owner of core.leases.owners()) {
    if (isAlive(owner) || core.leases.isAtHome(owner)) continue;
    if (isYoung(join(paths.leases, `${owner}.json`))) continue;
    found.push({ kind: 'lease', id: owner, why: 'its sandbox is gone', bytes: 0 });
  }
  for (const directory of [paths.ingest, paths.layers, paths.locks, paths.leases, paths.root]) {
    for (const name of readdirSync(directory)) {
      if (!isOwnedName(name) || isOwnedAlive(name)) continue;
      const path = join(directory, name);
      const bytes = await bytesOf(path);
      found.push({
        kind: 'partial',
        id: path.slice(paths.root.length + 1),
        why: 'the process that made it is gone',
        bytes,
      });
    }
  }
  if (core.isBusy) return found;
  for (const name of readdirSync(paths.ingest)) {
    if (!/^[0-9a-f]{64}\.partial$/.test(name)) continue;
    const bytes = sizeOf(join(paths.ingest, name));
    found.push({ kind: 'partial', id: `ingest/${name}`, why: 'a download that nobody goes on with', bytes });
  }
  return [...found, ...(await unneeded(core))];
}

async function unneeded(core: LibraryCore): Promise<readonly Leftover[]> {
  const { paths } = core;
  const blobs = new Set<string>();
  const layers = new Set<string>();
  try {
    for (const descriptor of core.manifests()) {
      blobs.add(hexOf(descriptor.digest));
      const image = await core.read(descriptor);
      for (const { digest } of [image.manifest.config, ...image.manifest.layers]) blobs.add(hexOf(digest));
      for (const diffId of image.config.diffIds) layers.add(hexOf(diffId));
    }
  } catch {
    return [];
  }
  const found: Leftover[] = [];
  const isHex = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
  for (const name of readdirSync(paths.blobs)) {
    if (!isHex(name) || blobs.has(name)) continue;
    found.push({
      kind: 'blob',
      id: `sha256:${name}`,
      why: 'no image names it',
      bytes: sizeOf(join(paths.blobs, name)),
    });
  }
  for (const name of readdirSync(paths.layers)) {
    if (!isHex(name) || layers.has(name)) continue;
    const bytes = await bytesOf(join(paths.layers, name));
    found.push({ kind: 'layer', id: `sha256:${name}`, why: 'no image has it', bytes });
  }
  return found;
}

/** Removes one, after looking again with nobody else at it. @throws SovereignError `image.in-use` */
export async function sweepLeftover(
  core: LibraryCore,
  leftover: Leftover,
  isAlive: (owner: string) => boolean,
): Promise<void> {
  const doomed = await core.exclusive(async () => {
    const now = await findLeftovers(core, isAlive);
    if (!now.some(({ kind, id }) => kind === leftover.kind && id === leftover.id))
      throw neededAgain(leftover);
    return setAside(core, leftover);
  });
  if (doomed !== undefined) await core.unpacker.remove(doomed);
}

/** Removes all blobs and layers that no image needs. Does nothing while content is brought in. */
export async function collectUnneeded(core: LibraryCore): Promise<void> {
  const doomed = await core.exclusive(async () => {
    if (core.isBusy) return [];
    return (await unneeded(core)).flatMap((leftover) => setAside(core, leftover) ?? []);
  });
  for (const path of doomed) await core.unpacker.remove(path);
}

/** Deletes a file, or takes a directory out of sight and returns where to: deleting that may take a while. */
function setAside(core: LibraryCore, leftover: Leftover): string | undefined {
  const { paths } = core;
  switch (leftover.kind) {
    case 'lease':
      core.leases.delete(leftover.id);
      return undefined;
    case 'blob':
      rmSync(join(paths.blobs, leftover.id.slice('sha256:'.length)), { force: true });
      return undefined;
    case 'layer': {
      const aside = ownedName(join(paths.layers, 'removing'));
      renameSync(join(paths.layers, leftover.id.slice('sha256:'.length)), aside);
      return aside;
    }
    default: {
      const path = join(paths.root, leftover.id);
      if (lstatSync(path).isDirectory()) return path;
      rmSync(path, { force: true });
      return undefined;
    }
  }
}

function neededAgain(leftover: Leftover): SovereignError {
  return new SovereignError({
    reason: 'image.in-use',
    message: `The ${leftover.kind} ${leftover.id} is needed again, or gone.`,
    hint: 'Look again: sovereign gc --dry-run',
    context: { id: leftover.id },
  });
}

function isYoung(path: string): boolean {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < youngMs;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Bytes of the files in a directory, links not followed; what cannot be read counts nothing. */
async function bytesOf(path: string): Promise<number> {
  const found = existsSync(path) ? lstatSync(path) : undefined;
  if (found?.isDirectory() !== true) return found?.size ?? 0;
  const inside = await readdir(path, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of inside) {
    const own = join(path, entry.name);
    bytes += entry.isDirectory()
      ? await bytesOf(own)
      : (lstatSync(own, { throwIfNoEntry: false })?.size ?? 0);
  }
  return bytes;
}
