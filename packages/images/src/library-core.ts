import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ownedName, type ImageRecord } from '@sovereign/core';
import { corrupt, imageNotFound, tooLarge } from './image-errors.ts';
import type { LayerLimits } from './layer/layer-limits.ts';
import type { Descriptor } from './manifest/manifest.ts';
import { isDigest, type Digest } from './reference/digest.ts';
import { formatReference, normaliseReference, parseReference } from './reference/image-reference.ts';
import { BlobStore } from './store/blob-store.ts';
import { ImageIndex, type NamedManifest } from './store/image-index.ts';
import { readImage, recordOf, type StoredImage } from './store/image-reader.ts';
import { LayerStore } from './store/layer-store.ts';
import { LeaseStore } from './store/lease-store.ts';
import { LibraryLock } from './store/library-lock.ts';
import { emptyLayer, libraryPaths, type LibraryPaths } from './store/library-paths.ts';
import { Limiter } from './store/limiter.ts';
import type { Unpacker } from './unpacker.ts';

export interface LibraryCoreInit {
  /** Directory of the library; made when it is first written to. */
  readonly directory: string;
  readonly unpacker: Unpacker;
  readonly limits: LayerLimits;
}

/** Mark of whoever brings content in: nothing is collected meanwhile, for it is named only at the end. */
const workMark = 'work';
/** Lock of whoever changes what is named, or deletes what is not. */
const indexLock = 'index';

/** What all operations of a library stand on: stores, names, locks. */
export class LibraryCore {
  readonly paths: LibraryPaths;
  readonly lock: LibraryLock;
  readonly blobs: BlobStore;
  readonly index: ImageIndex;
  readonly layers: LayerStore;
  readonly leases: LeaseStore;
  readonly limits: LayerLimits;
  readonly unpacker: Unpacker;
  readonly unpacking: Limiter = new Limiter(Math.max(2, Math.min(4, availableParallelism())));

  constructor(init: LibraryCoreInit) {
    this.paths = libraryPaths(init.directory);
    this.lock = new LibraryLock(this.paths.locks);
    this.blobs = new BlobStore(this.paths);
    this.index = new ImageIndex(this.paths);
    this.leases = new LeaseStore(this.paths);
    this.limits = init.limits;
    this.unpacker = init.unpacker;
    this.layers = new LayerStore({
      paths: this.paths,
      lock: this.lock,
      unpacker: init.unpacker,
      limits: init.limits,
    });
  }

  /** Whether anything was ever stored. */
  get exists(): boolean {
    return existsSync(this.paths.layout);
  }

  prepare(): void {
    if (this.exists) return;
    const { root, blobs, layers, leases, ingest, locks, layout } = this.paths;
    mkdirSync(root, { recursive: true, mode: 0o755 });
    // `layers` is what a guest's overlay is made of; its parents keep other users of the host out.
    mkdirSync(join(layers, emptyLayer), { recursive: true, mode: 0o755 });
    for (const path of [blobs, leases, ingest, locks]) mkdirSync(path, { recursive: true, mode: 0o700 });
    const partial = ownedName(layout);
    writeFileSync(partial, JSON.stringify({ imageLayoutVersion: '1.0.0' }), { mode: 0o600 });
    renameSync(partial, layout);
  }

  /** Runs what brings content in; until it ends, nothing of the library is collected. */
  async work<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    this.prepare();
    const mark = await this.exclusive(async () => this.lock.mark(workMark), signal);
    try {
      return await run();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      throw tooLarge(`the disk of ${this.paths.root} is full`, 'what fits');
    } finally {
      rmSync(mark, { force: true });
    }
  }

  get isBusy(): boolean {
    return this.lock.isHeld(workMark);
  }

  /** Runs what changes names or deletes content, one at a time among all processes. */
  exclusive<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.lock.with(indexLock, run, signal);
  }

  /** Unpacks what is not yet unpacked of an image's layers. */
  async unpackLayers(image: StoredImage, signal?: AbortSignal): Promise<void> {
    await Promise.all(image.manifest.layers.map((layer, at) => this.unpackLayer(image, layer, at, signal)));
  }

  async unpackLayer(
    image: StoredImage,
    layer: Descriptor,
    at: number,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const diffId = image.config.diffIds[at];
    if (diffId === undefined) throw corrupt(`${layer.digest} has no digest of its plain tar`);
    return this.unpacking.run(() =>
      this.layers.ensure(diffId, () => this.blobs.stream(layer.digest), signal),
    );
  }

  /** Gives an image names, taking them from others. It is listed from here on, so all of it must be there. */
  async name(image: StoredImage, references: readonly string[], signal?: AbortSignal): Promise<ImageRecord> {
    const missing = [image.descriptor, image.manifest.config, ...image.manifest.layers].find(
      (descriptor) => !this.blobs.has(descriptor),
    );
    if (missing !== undefined) throw corrupt(`${missing.digest} is missing from the library`);
    return this.exclusive(async () => {
      const others = this.index.read().filter(({ reference }) => !references.includes(reference));
      this.index.write([
        ...others,
        ...references.map((reference) => ({ reference, manifest: image.descriptor })),
      ]);
      return this.record(image);
    }, signal);
  }

  record(image: StoredImage, named: readonly NamedManifest[] = this.index.read()): ImageRecord {
    const names = named.flatMap(({ reference, manifest }) =>
      manifest.digest === image.descriptor.digest ? [reference] : [],
    );
    return recordOf(image, names);
  }

  read(descriptor: Descriptor): Promise<StoredImage> {
    return readImage(this.blobs, descriptor);
  }

  /** Every manifest that is named or held, once. */
  manifests(): readonly Descriptor[] {
    const held = this.leases.owners().flatMap((owner) => this.leases.read(owner) ?? []);
    const all = [...this.index.read().map(({ manifest }) => manifest), ...held];
    return [...new Map(all.map((one) => [one.digest, one] as const)).values()];
  }

  /**
   * The image that a text means: a name; `sha256:…` of a manifest or of a configuration; or `name@sha256:…` of one that has
   * that name.
   *
   * @throws SovereignError `image.not-found`, `image.invalid`
   */
  async find(text: string): Promise<StoredImage> {
    const found = isDigest(text) ? await this.#byDigest(text) : this.#byName(text);
    if (found === undefined) throw imageNotFound(text);
    return 'manifest' in found ? found : this.read(found);
  }

  #byName(text: string): Descriptor | undefined {
    const wanted = parseReference(text);
    const name = formatReference(wanted);
    const named = this.index.read();
    const exact = named.find(({ reference }) => reference === name);
    if (exact !== undefined || wanted.digest === undefined) return exact?.manifest;
    return named.find(({ reference, manifest }) => {
      const other = parseReference(reference);
      const isSame = other.registry === wanted.registry && other.repository === wanted.repository;
      return isSame && manifest.digest === wanted.digest;
    })?.manifest;
  }

  async #byDigest(digest: Digest): Promise<StoredImage | Descriptor | undefined> {
    const all = this.manifests();
    const direct = all.find((one) => one.digest === digest);
    if (direct !== undefined) return direct;
    for (const descriptor of all) {
      const image = await this.read(descriptor).catch(() => undefined);
      if (image?.manifest.config.digest === digest) return image;
    }
    return undefined;
  }

  /** Names of an image as they are, or the one that was meant. */
  nameOf(text: string): string {
    return isDigest(text) ? text : normaliseReference(text);
  }
}
