import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { ownedName } from '@sovereign/core';
import { corrupt } from '../image-errors.ts';
import { decompress } from '../layer/decompress.ts';
import { hashedStream } from '../layer/hashed-stream.ts';
import { type LayerLimits, LayerMeter } from '../layer/layer-limits.ts';
import { rewriteLayer } from '../layer/rewrite-layer.ts';
import { hexOf, type Digest } from '../reference/digest.ts';
import type { Unpacker } from '../unpacker.ts';
import type { LibraryLock } from './library-lock.ts';
import { layerPath, type LibraryPaths } from './library-paths.ts';

export interface LayerStoreInit {
  readonly paths: LibraryPaths;
  readonly lock: LibraryLock;
  readonly unpacker: Unpacker;
  readonly limits: LayerLimits;
}

/**
 * Layers as directories, one for each digest of a plain tar, whichever images share it. A layer is not stacked on what is
 * below it. Its directory gets its name when it is whole and its digest is right.
 */
export class LayerStore {
  readonly #init: LayerStoreInit;

  constructor(init: LayerStoreInit) {
    this.#init = init;
  }

  has(diffId: Digest): boolean {
    return existsSync(layerPath(this.#init.paths, diffId));
  }

  /**
   * Unpacks a layer that is not there yet, once, whoever asks for it at the same time.
   *
   * @param open its bytes, compressed or not.
   * @returns whether it was there already.
   * @throws SovereignError `image.corrupt` when the plain tar has another digest, `image.too-large`
   */
  async ensure(
    diffId: Digest,
    open: () => AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<boolean> {
    if (this.has(diffId)) return true;
    return this.#init.lock.with(
      `layer-${hexOf(diffId)}`,
      async () => {
        if (this.has(diffId)) return true;
        await this.#unpack(open(), diffId, signal);
        return false;
      },
      signal,
    );
  }

  /** Unpacks a layer whose digest nobody knows yet, and says it. */
  async add(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Digest> {
    return this.#unpack(source, undefined, signal);
  }

  async #unpack(
    source: AsyncIterable<Uint8Array>,
    expected: Digest | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Digest> {
    const { paths, unpacker, limits } = this.#init;
    const partial = ownedName(`${paths.layers}/unpacking`);
    mkdirSync(partial, { mode: 0o755 });
    try {
      const hash = createHash('sha256');
      const tar = rewriteLayer(hashedStream(decompress(source), hash), new LayerMeter(limits, paths.layers));
      await unpacker.unpack({ directory: partial, tar, ...(signal && { signal }) });
      const found: Digest = `sha256:${hash.digest('hex')}`;
      if (expected !== undefined && found !== expected)
        throw corrupt(`a layer has the digest ${found} when it is unpacked, not ${expected}`, {
          expected,
          found,
        });
      this.#place(partial, found);
      return found;
    } finally {
      if (existsSync(partial)) await unpacker.remove(partial);
    }
  }

  #place(partial: string, diffId: Digest): void {
    try {
      renameSync(partial, layerPath(this.#init.paths, diffId));
    } catch (error) {
      // Unpacked by somebody who did not know its digest either.
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}
