import { homedir } from 'node:os';
import {
  systemClock,
  type BuildOptions,
  type Clock,
  type ImageCallOptions,
  type ImageConfig,
  type ImageRecord,
  type Leftover,
  type PullOptions,
  type RegistrySettings,
} from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { addLayer } from './archive/add-layer.ts';
import { loadArchive } from './archive/load-archive.ts';
import { saveArchive } from './archive/save-archive.ts';
import type { BuildGuest } from './build/build-guest.ts';
import { buildImage } from './build/build-image.ts';
import { corrupt, imageNotFound } from './image-errors.ts';
import { defaultLayerLimits, type LayerLimits } from './layer/layer-limits.ts';
import { keepImage, keptImage, rootDigestsOf, rootTarOf } from './keep-image.ts';
import type { AddLayerOptions, HeldImage, KeepOptions, KeptImage, LayeredImages } from './layered-images.ts';
import { LibraryCore } from './library-core.ts';
import { hexOf, isDigest } from './reference/digest.ts';
import { normaliseReference, parseReference } from './reference/image-reference.ts';
import { findCredentials } from './registry/credentials.ts';
import { HttpClient, type HttpTimeouts } from './registry/http-request.ts';
import { pullImage } from './registry/pull-image.ts';
import type { RetryPolicy } from './registry/retry.ts';
import { collectUnneeded, findLeftovers, sweepLeftover } from './store/collect-garbage.ts';
import type { StoredImage } from './store/image-reader.ts';
import { emptyLayer } from './store/library-paths.ts';
import { Limiter } from './store/limiter.ts';
import type { Unpacker } from './unpacker.ts';

export interface ImageLibraryOptions {
  /** Directory of the library, on the file system that overlays are to be mounted from. */
  readonly directory: string;
  readonly unpacker: Unpacker;
  /** Where builds run. Default: nowhere. */
  readonly builder?: BuildGuest;
  /** By host and port. Default: none is special. */
  readonly registries?: Readonly<Record<string, RegistrySettings>>;
  readonly limits?: Partial<LayerLimits>;
  /** What is fetched at the same time. Default 4: more gains nothing on one connection, and registries throttle. */
  readonly parallelDownloads?: number;
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly retry?: Partial<RetryPolicy>;
  /** Where credentials are looked for. Default: the environment and home of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly home?: string;
  readonly clock?: Clock;
}

/** An image library on disk. Making one writes nothing; any number of processes may use one directory. */
export function createImageLibrary(options: ImageLibraryOptions): LayeredImages {
  return new OciImageLibrary(options);
}

class OciImageLibrary implements LayeredImages {
  readonly #core: LibraryCore;
  readonly #options: ImageLibraryOptions;
  readonly #http: HttpClient;
  readonly #downloads: Limiter;
  readonly #clock: Clock;

  constructor(options: ImageLibraryOptions) {
    this.#options = options;
    this.#core = new LibraryCore({
      directory: options.directory,
      unpacker: options.unpacker,
      limits: { ...defaultLayerLimits, ...options.limits },
    });
    this.#http = new HttpClient({ responseMs: 30_000, idleMs: 30_000, ...options.timeouts });
    this.#downloads = new Limiter(options.parallelDownloads ?? 4);
    this.#clock = options.clock ?? systemClock;
  }

  pull(reference: string, options: PullOptions = {}): Promise<ImageRecord> {
    const { env = process.env, home = homedir(), registries = {}, retry } = this.#options;
    return pullImage(parseReference(reference), options, {
      core: this.#core,
      http: this.#http,
      registries,
      findCredentials: (host, repository) => findCredentials(host, repository, { env, home }),
      retry: { tries: 5, pauseMs: 300, ...retry },
      downloads: this.#downloads,
    });
  }

  build(options: BuildOptions): Promise<ImageRecord> {
    return buildImage(this.#core, options, {
      guest: this.#options.builder,
      pull: (reference) => this.pull(reference, { ...(options.signal && { signal: options.signal }) }),
    });
  }

  async list(): Promise<readonly ImageRecord[]> {
    const named = this.#core.index.read();
    const images = await Promise.all(this.#core.manifests().map((descriptor) => this.#core.read(descriptor)));
    return images.map((image) => this.#core.record(image, named));
  }

  async inspect(reference: string): Promise<ImageRecord> {
    return this.#core.record(await this.#core.find(reference));
  }

  async tag(reference: string, as: string): Promise<ImageRecord> {
    const name = normaliseReference(as);
    return this.#core.work(undefined, async () => this.#core.name(await this.#core.find(reference), [name]));
  }

  async remove(reference: string): Promise<void> {
    const { descriptor } = await this.#core.find(reference);
    await this.#core.exclusive(async () => {
      const named = this.#core.index.read();
      const own = named.filter(({ manifest }) => manifest.digest === descriptor.digest);
      const going = isDigest(reference)
        ? own
        : own.filter((one) => one.reference === normaliseReference(reference));
      const doomed = going.length > 0 ? going : own;
      if (own.length === 0)
        throw this.#isHeld(descriptor.digest) ? inUse(reference) : imageNotFound(reference);
      if (doomed.length === own.length && this.#isHeld(descriptor.digest)) throw inUse(reference);
      this.#core.index.write(named.filter((one) => !doomed.includes(one)));
    });
    await collectUnneeded(this.#core);
  }

  load(archive: AsyncIterable<Uint8Array>, options: ImageCallOptions = {}): Promise<readonly ImageRecord[]> {
    return loadArchive(this.#core, archive, options);
  }

  save(references: readonly string[]): AsyncIterable<Uint8Array> {
    return saveArchive(this.#core, references);
  }

  import(
    rootfs: AsyncIterable<Uint8Array>,
    options: ImageCallOptions & { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord> {
    return this.addLayer({ ...options, layer: rootfs, createdBy: 'sovereign import' });
  }

  addLayer(options: AddLayerOptions): Promise<ImageRecord> {
    return addLayer(this.#core, {
      base: options.base,
      layer: options.layer,
      reference: options.reference,
      config: options.config ?? {},
      createdBy: options.createdBy ?? 'sovereign commit',
      nowMs: this.#clock.nowMs(),
      ...(options.signal && { signal: options.signal }),
    });
  }

  async hold(owner: string, reference: string, options: ImageCallOptions = {}): Promise<HeldImage> {
    const core = this.#core;
    return core.work(options.signal, async () => {
      const image = await core.find(reference);
      await core.unpackLayers(image, options.signal);
      // Nothing was collected since: we are at work until the lease stands.
      core.leases.write(owner, { ...image.descriptor, reference: core.nameOf(reference) });
      return this.#heldImage(image, core.nameOf(reference));
    });
  }

  keep(owner: string, reference: string, options: KeepOptions = {}): Promise<KeptImage> {
    return keepImage(this.#core, owner, reference, options);
  }

  async keepSame(
    owner: string,
    of: string,
    { home }: Pick<KeepOptions, 'home'> = {},
  ): Promise<KeptImage | undefined> {
    const lease = this.#core.leases.read(of);
    if (lease === undefined) return undefined;
    const { digest, mediaType, size, reference } = lease;
    this.#core.leases.write(owner, {
      digest,
      mediaType,
      size,
      reference,
      ...(home !== undefined && { home }),
    });
    return this.kept(owner);
  }

  async kept(owner: string): Promise<KeptImage | undefined> {
    const lease = this.#core.leases.read(owner);
    return lease === undefined ? undefined : keptImage(await this.#core.read(lease), lease.reference);
  }

  rootDigests(): Promise<ReadonlySet<string>> {
    return rootDigestsOf(this.#core);
  }

  rootTar(digest: string): AsyncIterable<Uint8Array> {
    return rootTarOf(this.#core, digest);
  }

  async holdSame(owner: string, of: string): Promise<HeldImage | undefined> {
    const lease = this.#core.leases.read(of);
    if (lease === undefined) return undefined;
    this.#core.leases.write(owner, lease);
    return this.held(owner);
  }

  async held(owner: string): Promise<HeldImage | undefined> {
    const lease = this.#core.leases.read(owner);
    return lease === undefined ? undefined : this.#heldImage(await this.#core.read(lease), lease.reference);
  }

  release(owner: string): void {
    this.#core.leases.delete(owner);
  }

  async leftovers(isAlive: (owner: string) => boolean): Promise<readonly Leftover[]> {
    return findLeftovers(this.#core, isAlive);
  }

  sweep(leftover: Leftover, isAlive: (owner: string) => boolean): Promise<void> {
    return sweepLeftover(this.#core, leftover, isAlive);
  }

  close(): void {
    this.#http.close();
  }

  #isHeld(digest: string): boolean {
    const { leases } = this.#core;
    return leases.owners().some((owner) => leases.read(owner)?.digest === digest);
  }

  #heldImage(image: StoredImage, reference: string): HeldImage {
    const missing = image.config.diffIds.find((diffId) => !this.#core.layers.has(diffId));
    if (missing !== undefined) throw corrupt(`the layer ${missing} is not unpacked`);
    return {
      ...keptImage(image, reference),
      layerRoot: this.#core.paths.layers,
      layers: layerNames(image),
    };
  }
}

/**
 * Topmost first. A layer that comes more than once (empty ones do) is mounted where it is topmost: overlayfs refuses the
 * same directory twice, and below itself a layer has nothing to add. An image without layers has an empty one.
 */
function layerNames(image: StoredImage): readonly string[] {
  const names = new Set(image.config.diffIds.map(hexOf).reverse());
  return names.size > 0 ? [...names] : [emptyLayer];
}

function inUse(reference: string): SovereignError {
  return new SovereignError({
    reason: 'image.in-use',
    message: `A sandbox is made of the image ${reference.slice(0, 300)}.`,
    hint: 'Remove the sandbox first: sovereign ps --all shows which it is.',
    context: { reference: reference.slice(0, 300) },
  });
}
