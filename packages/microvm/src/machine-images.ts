import { randomBytes } from 'node:crypto';
import type { ImageConfig, ImageSpec } from '@sovereign/core';
import type { KeptImage, LayeredImages } from '@sovereign/images';
import { SovereignError } from '@sovereign/protocol';
import type { BuildCall, RootImage } from './artifacts.ts';
import type { LocalArtifacts } from './local-artifacts.ts';

/** An image as a machine needs it. */
export interface MachineImage {
  readonly root: RootImage;
  /** What it wants of commands; undefined for an image without a name, which says nothing. */
  readonly config?: ImageConfig;
}

export interface MachineImagesOptions {
  readonly artifacts: LocalArtifacts;
  /** Where images have names. Default: nowhere. */
  readonly library?: LayeredImages;
  /** Directory of an owner, a sandbox or a snapshot: while it is there, nothing that the owner uses is collected. */
  readonly home: (owner: string) => string;
}

/**
 * Root file systems of images, packed once and shared by all machines. An image that has a name in the library stays as it is
 * for its owner from the first `take` to `release`, whatever becomes of the name.
 */
export class MachineImages {
  readonly #options: MachineImagesOptions;

  constructor(options: MachineImagesOptions) {
    this.#options = options;
  }

  /**
   * The image that an owner (the id of a sandbox) has, or that the name means now and the owner has from here on.
   *
   * @throws SovereignError `image.not-found`, `image.corrupt`, `image.too-large`, `image.invalid`, `microvm.build-failed`
   */
  async take(owner: string, image: ImageSpec, call: BuildCall = {}): Promise<MachineImage> {
    const { artifacts, library, home } = this.#options;
    if (image.kind !== 'reference') return { root: await artifacts.rootImage(image, call) };
    if (library === undefined) throw noLibrary(image.reference);
    let root: RootImage | undefined;
    const use = async (kept: KeptImage): Promise<void> => {
      root = await this.#pack(library, kept, call);
    };
    const options = { home: home(owner), use, ...(call.signal && { signal: call.signal }) };
    const kept = await library.keep(owner, image.reference, options);
    return { root: root ?? (await this.#pack(library, kept, call)), config: kept.config };
  }

  /** Packs an image for whoever takes it next. */
  async prepare(image: ImageSpec, call: BuildCall = {}): Promise<RootImage> {
    const owner = `pack_${randomBytes(8).toString('hex')}`;
    try {
      return (await this.take(owner, image, call)).root;
    } finally {
      this.release(owner);
    }
  }

  /** What the image of an owner wants of commands; undefined when it has none of a name, or one that cannot be read any more. */
  async configOf(owner: string): Promise<ImageConfig | undefined> {
    try {
      return (await this.#options.library?.kept(owner))?.config;
    } catch (error) {
      // A sandbox whose image is damaged is still to be found, looked at and removed.
      if (error instanceof SovereignError && error.reason === 'image.corrupt') return undefined;
      throw error;
    }
  }

  /**
   * Has `owner` have what `of` has, for a snapshot of it, a machine that is resumed, or a claim that takes it over, which
   * releases `of` afterwards. Returns what it wants of commands.
   */
  async share(owner: string, of: string): Promise<ImageConfig | undefined> {
    const { library, home } = this.#options;
    return (await library?.keepSame(owner, of, { home: home(owner) }))?.config;
  }

  release(owner: string): void {
    this.#options.library?.release(owner);
  }

  #pack(library: LayeredImages, kept: KeptImage, call: BuildCall): Promise<RootImage> {
    const { digest, reference, rootDigest } = kept;
    return this.#options.artifacts.layeredRoot(
      { rootDigest, name: reference, tar: () => library.rootTar(digest) },
      call,
    );
  }
}

function noLibrary(reference: string): SovereignError {
  return new SovereignError({
    reason: 'image.not-found',
    message: `No image has the name ${JSON.stringify(reference.slice(0, 200))}: there is no library of images here.`,
    hint: 'Use a directory or a tar archive, or open the engine with a library.',
    context: { reference: reference.slice(0, 300) },
  });
}
