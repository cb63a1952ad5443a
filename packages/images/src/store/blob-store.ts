import { createHash } from 'node:crypto';
import { createReadStream, renameSync, rmSync, statSync } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ownedName } from '@sovereign/core';
import { corrupt, tooLarge } from '../image-errors.ts';
import { digestOf, type Digest } from '../reference/digest.ts';
import type { Descriptor } from '../manifest/manifest.ts';
import { blobPath, type LibraryPaths } from './library-paths.ts';

const readBytes = 1024 * 1024;

/**
 * Content by its digest.
 *
 * SAFETY: a file gets its name in `blobs` by a rename, after all of its bytes have been hashed on their way in: nothing is
 * ever stored under a digest that it does not have. blob-store.test.ts and tests/security/registry hold it.
 */
export class BlobStore {
  readonly #paths: LibraryPaths;

  constructor(paths: LibraryPaths) {
    this.#paths = paths;
  }

  /** Whether it is there, whole. A file cut short by a power failure counts as absent, and is replaced. */
  has(descriptor: Pick<Descriptor, 'digest' | 'size'>): boolean {
    return this.size(descriptor.digest) === descriptor.size;
  }

  size(digest: Digest): number | undefined {
    return statSync(blobPath(this.#paths, digest), { throwIfNoEntry: false })?.size;
  }

  path(digest: Digest): string {
    return blobPath(this.#paths, digest);
  }

  /** Reads a small blob, and checks it again. @throws SovereignError `image.corrupt` */
  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    const size = this.size(digest);
    if (size === undefined) throw corrupt(`${digest} is missing from the library`);
    if (size > maxBytes) throw tooLarge(`${digest} has ${size} bytes`, `${maxBytes} bytes`);
    const bytes = await readFile(blobPath(this.#paths, digest));
    if (digestOf(bytes) !== digest) throw corrupt(`the file of ${digest} has another digest`);
    return bytes;
  }

  stream(digest: Digest): AsyncIterable<Uint8Array> {
    return createReadStream(blobPath(this.#paths, digest), { highWaterMark: readBytes });
  }

  /** Stores bytes that are at hand. */
  async put(bytes: Uint8Array): Promise<{ readonly digest: Digest; readonly size: number }> {
    const writer = await this.writer();
    try {
      await writer.write(bytes);
      return await writer.commit();
    } finally {
      await writer.abort();
    }
  }

  /** Starts a blob whose digest is not known yet. */
  async writer(): Promise<BlobWriter> {
    const path = join(this.#paths.ingest, ownedName('blob'));
    return new BlobWriter(this.#paths, path, await open(path, 'wx', 0o600));
  }
}

/** A blob on its way in. `abort` after `commit` does nothing. */
export class BlobWriter {
  readonly #paths: LibraryPaths;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #size = 0;
  #isOpen = true;

  constructor(paths: LibraryPaths, path: string, file: FileHandle) {
    this.#paths = paths;
    this.#path = path;
    this.#file = file;
  }

  get size(): number {
    return this.#size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#size += bytes.byteLength;
    await writeWhole(this.#file, bytes);
  }

  /** Gives it its place. @throws SovereignError `image.corrupt` when it is not what was expected */
  async commit(expected?: Digest): Promise<{ readonly digest: Digest; readonly size: number }> {
    const digest: Digest = `sha256:${this.#hash.digest('hex')}`;
    if (expected !== undefined && digest !== expected)
      throw corrupt(`content of ${expected} has the digest ${digest}`, { expected, found: digest });
    await this.#close();
    renameSync(this.#path, blobPath(this.#paths, digest));
    return { digest, size: this.#size };
  }

  async abort(): Promise<void> {
    await this.#close();
    rmSync(this.#path, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

/** One write(2) may take less than it is given. */
export async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    at += (await file.write(bytes, at)).bytesWritten;
  }
}
