import { closeSync, linkSync, openSync, readSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '@sovereign/microvm';
import { jailedArtifact } from './machine-paths.ts';
import { emptyQcow2 } from './qcow2-overlay.ts';

/** Default size of the writable layer; sparse, so that it costs what is written. */
export const defaultDiskBytes: number = 8 * 1024 * 1024 * 1024;

/**
 * The disk of a machine: a chain of qcow2 images in one directory, of which the last is written to and the others never
 * change again. A snapshot ends the last one and begins the next, so it costs nothing but a link to each; a machine
 * that is resumed from it has the same links, and a last one of its own.
 */
export function diskName(index: number): string {
  return `disk-${index}.qcow2`;
}

/** Index of the image that is written to; -1 when there is none yet. */
export function lastDisk(directory: string): number {
  const indexes = readdirSync(directory).map((name) => /^disk-(\d{1,6})\.qcow2$/.exec(name)?.[1]);
  return Math.max(-1, ...indexes.map((index) => (index === undefined ? -1 : Number(index))));
}

/** The first image of a machine's chain, above an empty file system of the artifacts. */
export function makeFirstDisk(directory: string, empty: Artifact, storePath: string): void {
  const backingPath = jailedArtifact(storePath, empty.path);
  const image = emptyQcow2({ bytes: empty.bytes, backingPath, backingFormat: 'raw' });
  writeFileSync(join(directory, diskName(0)), image, { mode: 0o600, flag: 'wx' });
}

/** The next image of a chain; it names the one before as its neighbour, wherever the directory is mounted. */
export function makeNextDisk(directory: string, index: number): void {
  const bytes = sizeOf(join(directory, diskName(index - 1)));
  const image = emptyQcow2({ bytes, backingPath: diskName(index - 1), backingFormat: 'qcow2' });
  writeFileSync(join(directory, diskName(index)), image, { mode: 0o600, flag: 'wx' });
}

/** Virtual size of a qcow2 image, from its header. */
function sizeOf(path: string): number {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(32);
    readSync(file, header, 0, header.byteLength, 0);
    return Number(header.readBigUInt64BE(24));
  } finally {
    closeSync(file);
  }
}

/** Gives another directory the images of a chain up to one; they are the same files. */
export function linkDisks(from: string, to: string, last: number): void {
  for (let index = 0; index <= last; index++)
    linkSync(join(from, diskName(index)), join(to, diskName(index)));
}
