import type { SandboxSpec } from '@sovereign/core';
import { imageDirectory } from '@sovereign/guest';
import type { HeldImage, LayeredImages } from '@sovereign/images';
import { checkRootDirectory, type ImageRoot } from './guest-root.ts';
import type { QuiltState } from './quilt-state.ts';
import type { HeldRoot, TarRoots } from './tar-roots.ts';

/** What an image comes to: nothing for `host`. */
export interface ResolvedImage {
  readonly root?: ImageRoot;
  readonly held?: HeldImage;
  /** Of an archive; whoever resolved it releases it. */
  readonly tarRoot?: HeldRoot;
}

interface ImageRooms {
  readonly state: QuiltState;
  readonly images: LayeredImages;
  readonly tarRoots: TarRoots;
}

/** The roots of sandboxes, by what their images are. */
export class ImageRoots {
  readonly #rooms: ImageRooms;

  constructor(rooms: ImageRooms) {
    this.#rooms = rooms;
  }

  /** The root of a sandbox that is there; undefined for image `host`. */
  async own(spec: SandboxSpec): Promise<ImageRoot | undefined> {
    const { state } = this.#rooms;
    const rootName = state.rootName(spec.id);
    const { root, tarRoot } = await this.resolve(spec, { rootName });
    try {
      if (tarRoot !== undefined && rootName === undefined) state.writeRootName(spec.id, tarRoot.name);
    } finally {
      tarRoot?.release();
    }
    return root;
  }

  /**
   * The image of a sandbox: what it holds already, else what its name means now, which it holds from then on.
   *
   * @param options.rootName what it holds of an archive
   */
  async resolve(
    spec: SandboxSpec,
    options: { readonly signal?: AbortSignal | undefined; readonly rootName?: string | undefined },
  ): Promise<ResolvedImage> {
    switch (spec.image.kind) {
      case 'host':
        return {};
      case 'rootfs':
        return { root: { source: checkRootDirectory(spec.image.path) } };
      case 'tar': {
        const tarRoot = await this.#rooms.tarRoots.hold(spec.image.path, options.rootName);
        return { root: { source: tarRoot.path }, tarRoot };
      }
      case 'reference':
        return this.#ofReference(spec, spec.image.reference, options.signal);
    }
  }

  async #ofReference(
    { id }: SandboxSpec,
    reference: string,
    signal: AbortSignal | undefined,
  ): Promise<ResolvedImage> {
    const { images } = this.#rooms;
    const held = (await images.held(id)) ?? (await images.hold(id, reference, { ...(signal && { signal }) }));
    const workingDirectory = imageDirectory(held.config);
    return {
      root: {
        ...{ source: held.layerRoot, layers: held.layers },
        ...(workingDirectory !== undefined && { workingDirectory }),
      },
      held,
    };
  }
}
