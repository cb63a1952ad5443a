import { createHash, type Hash } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { corrupt } from '../image-errors.ts';
import { checkFreeSpace } from '../layer/layer-limits.ts';
import type { Descriptor } from '../manifest/manifest.ts';
import { hexOf } from '../reference/digest.ts';
import { type BlobStore, writeWhole } from '../store/blob-store.ts';
import type { LibraryLock } from '../store/library-lock.ts';
import { blobPath, type LibraryPaths, partialPath } from '../store/library-paths.ts';
import { asTransient } from './http-request.ts';
import { Transient } from './registry-errors.ts';
import type { RepositoryClient } from './repository-client.ts';
import { retried, type RetryPolicy } from './retry.ts';

export interface FetchBlobInit {
  readonly client: RepositoryClient;
  readonly paths: LibraryPaths;
  readonly blobs: BlobStore;
  readonly lock: LibraryLock;
  readonly retry: RetryPolicy;
  readonly reservedDiskBytes: number;
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

/** What has arrived of a blob. */
interface Arrived {
  readonly file: FileHandle;
  hash: Hash;
  size: number;
}

const readBytes = 256 * 1024;
/** What arrives is written in larger pieces: each write is a turn of the thread pool. */
const batchBytes = 1024 * 1024;

/**
 * Fetches a blob once, whoever of this host wants it at the same time, and goes on where an earlier try was cut off.
 *
 * @returns false when it was there already.
 * @throws SovereignError `image.corrupt` when it has another digest or another length than its descriptor says
 */
export async function fetchBlob(descriptor: Descriptor, init: FetchBlobInit): Promise<boolean> {
  const { blobs, lock, signal } = init;
  if (blobs.has(descriptor)) return false;
  return lock.with(
    `blob-${hexOf(descriptor.digest)}`,
    async () => {
      if (blobs.has(descriptor)) return false;
      await fetchLocked(descriptor, init);
      return true;
    },
    signal,
  );
}

async function fetchLocked(descriptor: Descriptor, init: FetchBlobInit): Promise<void> {
  const { paths } = init;
  checkFreeSpace(paths.root, init.reservedDiskBytes, descriptor.size);
  const partial = partialPath(paths, descriptor.digest);
  const file = await open(partial, 'a+', 0o600);
  try {
    const arrived = await takeUp(file, descriptor);
    const isBegun = arrived.size > 0;
    const answers = await receiveAll(descriptor, arrived, init);
    let found = `sha256:${arrived.hash.digest('hex')}`;
    if (found !== descriptor.digest && (isBegun || answers > 1)) {
      // What it was put together from may not have been of one piece. Once more, from the start.
      await restart(arrived);
      await receiveAll(descriptor, arrived, init);
      found = `sha256:${arrived.hash.digest('hex')}`;
    }
    // SAFETY: the only way into the store; a wrong one is deleted, so that the next try does not build on it.
    if (found !== descriptor.digest)
      throw corrupt(`content of ${descriptor.digest} has the digest ${found}`, {
        expected: descriptor.digest,
        found,
      });
    renameSync(partial, blobPath(paths, descriptor.digest));
  } catch (error) {
    if (isCorrupt(error)) rmSync(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Counts and hashes what an earlier try has left; more than there can be is thrown away. */
async function takeUp(file: FileHandle, descriptor: Descriptor): Promise<Arrived> {
  const arrived: Arrived = { file, hash: createHash('sha256'), size: 0 };
  const { size } = await file.stat();
  if (size > descriptor.size) await file.truncate(0);
  else if (size > 0) {
    for await (const bytes of file.createReadStream({
      start: 0,
      autoClose: false,
      highWaterMark: readBytes,
    })) {
      arrived.hash.update(bytes as Uint8Array);
      arrived.size += (bytes as Uint8Array).byteLength;
    }
  }
  return arrived;
}

/** Receives what is missing, from as many answers as it takes, and says from how many. */
async function receiveAll(descriptor: Descriptor, arrived: Arrived, init: FetchBlobInit): Promise<number> {
  let answers = 0;
  await retried(init.retry, init.client.host, init.signal, async (hasMoved) => {
    const before = arrived.size;
    answers++;
    try {
      await receive(descriptor, arrived, init);
    } finally {
      if (arrived.size > before) hasMoved();
    }
  });
  return answers;
}

async function receive(descriptor: Descriptor, arrived: Arrived, init: FetchBlobInit): Promise<void> {
  if (arrived.size === descriptor.size) return;
  const answer = await init.client.blob(descriptor.digest, arrived.size, init.signal);
  const batch: { parts: Buffer[]; bytes: number } = { parts: [], bytes: 0 };
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(batch.parts.splice(0), batch.bytes);
    batch.bytes = 0;
    if (bytes.byteLength === 0) return;
    const written = writeWhole(arrived.file, bytes);
    // While the kernel takes them.
    arrived.hash.update(bytes);
    await written;
    arrived.size += bytes.byteLength;
    init.onBytes?.(arrived.size);
  };
  try {
    if (arrived.size > 0 && !continues(answer, arrived.size)) await restart(arrived);
    if (answer.statusCode === 416) throw new Transient('it cannot continue a download');
    for await (const part of answer) {
      const bytes = part as Buffer;
      if (arrived.size + batch.bytes + bytes.byteLength > descriptor.size)
        throw corrupt(
          `${descriptor.digest} is longer than the ${descriptor.size} bytes that its manifest says`,
        );
      batch.parts.push(bytes);
      batch.bytes += bytes.byteLength;
      if (batch.bytes >= batchBytes) await flush();
    }
  } catch (error) {
    throw asTransient(error);
  } finally {
    answer.destroy();
    await flush();
  }
  if (arrived.size === descriptor.size) return;
  if (answer.complete)
    throw corrupt(
      `${descriptor.digest} has ${arrived.size} bytes, not the ${descriptor.size} that its manifest says`,
    );
  throw new Transient(`the connection ended after ${arrived.size} of ${descriptor.size} bytes`);
}

/** Whether an answer goes on exactly where we are. */
function continues(answer: IncomingMessage, offset: number): boolean {
  if (answer.statusCode !== 206) return false;
  return /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] === String(offset);
}

async function restart(arrived: Arrived): Promise<void> {
  await arrived.file.truncate(0);
  arrived.hash = createHash('sha256');
  arrived.size = 0;
}

function isCorrupt(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'image.corrupt';
}
