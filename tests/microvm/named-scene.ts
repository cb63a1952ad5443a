import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import type { LayeredImages } from '@sovereign/images';
import { inPieces, rawTar, type RawEntry } from '../../packages/images/src/tar/tar-for-test.ts';
import { MachineScene } from './scene.ts';

const applets = ['sh', 'cat', 'ls', 'echo', 'stat', 'env', 'pwd', 'mount', 'mkdir', 'sleep', 'id', 'grep'];

/** A library of images of one test's own, and machines that are made of them. */
export interface NamedScene {
  readonly scene: MachineScene;
  readonly library: LayeredImages;
  readonly root: string;
  /** How often an image was flattened to be packed. */
  readonly packed: () => number;
}

export async function playNamed(act: (named: NamedScene) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'svn-'));
  for (const name of ['q', 'qr']) await mkdir(join(root, name), { mode: 0o700 });
  const quilt = createQuiltBackend({
    stateDirectory: join(root, 'q'),
    runtimeDirectory: join(root, 'qr'),
    shelldPath: findShelld(),
    images: { env: {}, home: root },
  });
  let count = 0;
  const library = counting(quilt.images, () => count++);
  try {
    const options = { images: () => library, imageDirectory: join(root, 'images') };
    await MachineScene.play((scene) => act({ scene, library, root, packed: () => count }), options);
  } finally {
    await quilt.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** The same library, which tells when a root file system is read of it. */
function counting(library: LayeredImages, tell: () => void): LayeredImages {
  return new Proxy(library, {
    get: (target, name) => {
      if (name === 'rootTar') tell();
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

export const named = (reference: string) => ({ image: { kind: 'reference', reference } }) as const;

export function layer(entries: readonly RawEntry[]): AsyncIterable<Uint8Array> {
  return inPieces(rawTar(entries), 64 * 1024);
}

/** A layer of busybox and nothing else, as the base of others. */
export async function busyboxLayer(extra: readonly RawEntry[] = []): Promise<AsyncIterable<Uint8Array>> {
  const path = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  return layer([
    ...['bin', 'etc', 'proc', 'dev', 'sys', 'tmp', 'run'].map((name) => ({ name: `${name}/`, type: '5' })),
    { name: 'bin/busybox', content: await readFile(path) },
    ...applets.map((name) => ({ name: `bin/${name}`, type: '1', link: 'bin/busybox' })),
    ...extra,
  ]);
}
