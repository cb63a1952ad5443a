import { createHash, type Hash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import type { ImageSpec } from '@sovereign/core';
import { prepareHostRoot, type ImageDefaults } from '@sovereign/guest';
import { envOf, readAnswer } from './container-state.ts';
import type { EngineClient } from './engine-client.ts';
import { EngineRefusal, meaningOf } from './engine-errors.ts';
import { labels, localRepository } from './sandbox-labels.ts';
import { fileDigest, importTar, invalidImage, tarOfDirectory } from './tar-import.ts';
import { bind, type EngineMount } from './workspace-binds.ts';

export interface GuestImageInit {
  readonly client: EngineClient;
  /** Directory for roots that images are made of. */
  readonly imageDirectory: string;
  /** Paths of this host are the engine's own. */
  readonly isSameHost: boolean;
  /** What image `host` means to an engine elsewhere. */
  readonly sandboxImage: string;
}

/** The image of a guest as the engine knows it. */
export interface GuestImage extends ImageDefaults {
  /** Id, or a name that nobody else gives. */
  readonly reference: string;
  /** What of the host is mounted over it: `/usr` for image `host`. */
  readonly binds: readonly EngineMount[];
  /** It was made for this sandbox alone. */
  readonly isFork?: boolean;
  /** Makes it, when the engine turns out not to have it. */
  readonly make?: () => Promise<void>;
}

const imageSchema = v.object({
  Id: v.string(),
  Config: v.optional(
    v.nullable(
      v.object({
        Env: v.optional(v.nullable(v.array(v.string()))),
        User: v.optional(v.nullable(v.string()), ''),
        WorkingDir: v.optional(v.nullable(v.string()), ''),
      }),
    ),
  ),
});

/** @throws SovereignError `image.not-found`, `image.invalid`, `engine.unavailable` */
export async function guestImage(spec: ImageSpec, init: GuestImageInit): Promise<GuestImage> {
  switch (spec.kind) {
    case 'host':
      return init.isSameHost ? hostImage(init) : inspected(init.sandboxImage, init.client, sandboxImageHint);
    case 'reference':
      return inspected(spec.reference, init.client, `Pull it: sovereign images pull ${spec.reference}`);
    case 'rootfs': {
      const path = checkRoot(spec.path);
      return imported('rootfs', path, treeDigest(path), init.client, () =>
        tarOfDirectory(path, ['--xattrs']),
      );
    }
    case 'tar': {
      const { path } = spec;
      if (!path.startsWith('/') || statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
        throw invalidImage(path, 'it is no file (an absolute path to a tar archive expected)');
      return imported('tar', path, await fileDigest(path), init.client, () => createReadStream(path));
    }
  }
}

/** The fresh root as an image of a few mebibytes, and the host's own `/usr` over it: the same as on quilt. */
function hostImage({ client, imageDirectory }: GuestImageInit): GuestImage {
  const root = prepareHostRoot(imageDirectory);
  const reference = `${localRepository}/${basename(root.path).replace('-', ':')}`;
  return {
    reference,
    env: {},
    user: '',
    workingDirectory: '',
    binds: root.mounts.map(({ source, target }) => bind(source, target, true)),
    make: () =>
      importTar({
        client,
        archive: tarOfDirectory(root.path, ['--owner=0', '--group=0']),
        reference,
        changes: [`LABEL ${labels.image}=host`],
        what: 'the root of image host',
      }),
  };
}

async function imported(
  kind: 'rootfs' | 'tar',
  path: string,
  digest: string,
  client: EngineClient,
  open: () => Parameters<typeof importTar>[0]['archive'],
): Promise<GuestImage> {
  const reference = `${localRepository}/${kind}:${digest}`;
  const found = await inspect(reference, client);
  if (found !== undefined) return found;
  const changes = [`LABEL ${labels.image}=${kind}`];
  await importTar({ client, archive: open(), reference, changes, what: path });
  return inspected(reference, client, 'Try again.');
}

async function inspected(reference: string, client: EngineClient, hint: string): Promise<GuestImage> {
  const found = await inspect(reference, client);
  if (found !== undefined) return found;
  throw new SovereignError({
    reason: 'image.not-found',
    message: `The container engine has no image of the name ${JSON.stringify(reference.slice(0, 256))}.`,
    hint,
    context: { reference: reference.slice(0, 256) },
  });
}

async function inspect(reference: string, client: EngineClient): Promise<GuestImage | undefined> {
  try {
    const answer = await client.json({ method: 'GET', path: `/images/${imagePath(reference)}/json` });
    const { Id, Config } = readAnswer(imageSchema, answer, 'an image');
    const [user, workingDirectory] = [Config?.User ?? '', Config?.WorkingDir ?? ''];
    return { reference: Id, env: envOf(Config?.Env), user, workingDirectory, binds: [] };
  } catch (error) {
    if (error instanceof EngineRefusal && (error.status === 404 || error.status === 400)) return undefined;
    throw meaningOf(error, `Image ${reference.slice(0, 256)} could not be looked at`);
  }
}

/** A reference as a part of a path of the API: slashes stay, nothing else gets through. */
export function imagePath(reference: string): string {
  return reference
    .split('/')
    .map((part) => encodeURIComponent(part === '..' || part === '.' ? '' : part))
    .join('/');
}

function checkRoot(path: string): string {
  const shells = ['bin/sh', 'usr/bin/sh', 'bin/busybox', 'usr/bin', 'bin'];
  const isThere = (name: string): boolean =>
    lstatSync(join(path, name), { throwIfNoEntry: false }) !== undefined;
  if (path.startsWith('/') && path !== '/' && shells.some(isThere)) return path;
  throw invalidImage(
    path,
    'it is no root file system (an absolute path to a directory with bin or usr/bin, not /)',
  );
}

/** Names, sizes, modes and times of a tree: the same as long as nothing in it has changed. */
function treeDigest(path: string): string {
  const hash = createHash('sha256');
  addTree(hash, path, '');
  return hash.digest('hex').slice(0, 32);
}

function addTree(hash: Hash, root: string, below: string): void {
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = join(below, name);
    const info = lstatSync(join(root, path));
    hash.update(`${path}\0${info.mode} ${info.uid} ${info.gid} ${info.size} ${info.mtimeMs}\n`);
    if (info.isDirectory()) addTree(hash, root, path);
  }
}

const sandboxImageHint =
  'Build it: see images/sandbox, or name another image. On an engine elsewhere, image `host` is the sandbox image.';
