import type { ImageCallOptions, ImageConfig, ImageLibrary, ImageRecord, Leftover } from '@sovereign/core';

/** One more layer on an image. */
export interface AddLayerOptions extends ImageCallOptions {
  /** Name or manifest digest of the image below. Undefined: the layer is the only one. */
  readonly base?: string;
  /**
   * Plain tar of the layer as OCI defines it (image-spec, layer.md): what was added or changed, `.wh.NAME` for what was
   * removed, `.wh..wh..opq` in a directory whose lower content is hidden.
   */
  readonly layer: AsyncIterable<Uint8Array>;
  /** Name of the new image. */
  readonly reference: string;
  /** Replaces single members of the base's configuration. */
  readonly config?: Partial<ImageConfig>;
  /** What made the layer, for `history`. Default `sovereign commit`. */
  readonly createdBy?: string;
}

/** An image that somebody uses: it stays as it is until it is released, whatever happens to its names. */
export interface KeptImage {
  /** Digest of its manifest. */
  readonly digest: string;
  /** What it was called when it was taken. */
  readonly reference: string;
  readonly config: ImageConfig;
  /** SHA-256 of what its root file system is made of: the same layers in the same order give the same 64 digits. */
  readonly rootDigest: string;
}

/** One whose layers are unpacked, to be mounted. */
export interface HeldImage extends KeptImage {
  /** Directory that holds the unpacked layers. */
  readonly layerRoot: string;
  /** Names in `layerRoot`, one a layer, topmost first: the lower directories of an overlay. */
  readonly layers: readonly string[];
}

export interface KeepOptions extends ImageCallOptions {
  /**
   * Directory of the owner. As long as it is there the owner lives, whatever `isAlive` of a sweep says, which knows those of
   * its own backend. Until then the owner has a minute after `keep` ends. Default: none.
   */
  readonly home?: string;
  /** Runs while nothing of the library is collected, whatever time it takes. */
  readonly use?: (image: KeptImage) => Promise<void>;
}

/** The image library of engines that mount layers themselves, or pack them. */
export interface LayeredImages extends ImageLibrary {
  /** @throws SovereignError `image.not-found`, `image.invalid`, `image.corrupt` */
  addLayer(options: AddLayerOptions): Promise<ImageRecord>;
  /**
   * Keeps an image for `owner` (a sandbox id) and has its layers unpacked. Idempotent: an owner holds one image.
   *
   * @throws SovereignError `image.not-found`, `image.corrupt`
   */
  hold(owner: string, reference: string, options?: ImageCallOptions): Promise<HeldImage>;
  /**
   * Keeps an image for `owner` as `hold` does, with its layers left packed. An owner that has one keeps that, whatever the
   * reference means by now.
   *
   * @throws SovereignError `image.not-found`, `image.corrupt`
   */
  keep(owner: string, reference: string, options?: KeepOptions): Promise<KeptImage>;
  /** Has `owner` keep what `of` keeps. Undefined when that is nothing. */
  keepSame(owner: string, of: string, options?: Pick<KeepOptions, 'home'>): Promise<KeptImage | undefined>;
  /** What an owner keeps; undefined when it keeps nothing. @throws SovereignError `image.corrupt` */
  kept(owner: string): Promise<KeptImage | undefined>;
  /**
   * `KeptImage.rootDigest` of every image that has a name or is kept by somebody.
   *
   * @throws SovereignError `image.corrupt` when one of them cannot be read, so that nothing can be said of what is needed
   */
  rootDigests(): Promise<ReadonlySet<string>>;
  /**
   * The root file system of an image that somebody keeps, as one plain tar without whiteouts and devices; the same bytes
   * each time.
   *
   * @param digest of its manifest.
   * @throws SovereignError `image.not-found`, `image.corrupt`, `image.too-large` while it is iterated
   */
  rootTar(digest: string): AsyncIterable<Uint8Array>;
  /** Has `owner` hold what `of` holds: for a fork. Undefined when that is nothing. */
  holdSame(owner: string, of: string): Promise<HeldImage | undefined>;
  /** What an owner holds; undefined when it holds nothing. @throws SovereignError `image.corrupt` */
  held(owner: string): Promise<HeldImage | undefined>;
  release(owner: string): void;
  /**
   * What nobody needs any more: partial downloads and layers of processes that died, holds of owners that are gone, blobs
   * and layers that no image names and nobody holds. Looking changes nothing.
   */
  leftovers(isAlive: (owner: string) => boolean): Promise<readonly Leftover[]>;
  /** @throws SovereignError `image.in-use` when it is needed again */
  sweep(leftover: Leftover, isAlive: (owner: string) => boolean): Promise<void>;
  /** Ends connections to registries that are kept open. */
  close(): void;
}
