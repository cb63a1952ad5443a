import { createHash } from 'node:crypto';
import { flattenLayers } from './flatten/flatten-layers.ts';
import type { KeepOptions, KeptImage } from './layered-images.ts';
import type { LibraryCore } from './library-core.ts';
import type { StoredImage } from './store/image-reader.ts';

/** `LayeredImages.keep`. */
export async function keepImage(
  core: LibraryCore,
  owner: string,
  reference: string,
  { home, use, signal }: KeepOptions,
): Promise<KeptImage> {
  return core.work(signal, async () => {
    const before = core.leases.read(owner);
    const image = before === undefined ? await core.find(reference) : await core.read(before);
    const lease = {
      digest: image.descriptor.digest,
      mediaType: image.descriptor.mediaType,
      size: image.descriptor.size,
      reference: before?.reference ?? core.nameOf(reference),
      ...(home !== undefined && { home }),
    };
    const kept = keptImage(image, lease.reference);
    core.leases.write(owner, lease);
    if (use === undefined) return kept;
    try {
      await use(kept);
    } catch (error) {
      if (before === undefined) core.leases.delete(owner);
      throw error;
    }
    // Its minute begins when it was used; we are at work until then, so that nothing was collected.
    core.leases.write(owner, lease);
    return kept;
  });
}

export function keptImage(image: StoredImage, reference: string): KeptImage {
  return {
    digest: image.descriptor.digest,
    reference,
    config: image.config.config,
    rootDigest: rootDigestOf(image),
  };
}

/** `LayeredImages.rootDigests`. */
export async function rootDigestsOf(core: LibraryCore): Promise<ReadonlySet<string>> {
  if (!core.exists) return new Set();
  const images = await Promise.all(core.manifests().map((descriptor) => core.read(descriptor)));
  return new Set(images.map(rootDigestOf));
}

function rootDigestOf({ config }: StoredImage): string {
  return createHash('sha256').update(config.diffIds.join('\n')).digest('hex');
}

/** `LayeredImages.rootTar`. */
export async function* rootTarOf(core: LibraryCore, digest: string): AsyncGenerator<Uint8Array> {
  const { manifest, config } = await core.find(digest);
  yield* flattenLayers({
    layers: manifest.layers.map((layer, at) => {
      const diffId = config.diffIds[at];
      return { open: () => core.blobs.stream(layer.digest), ...(diffId !== undefined && { diffId }) };
    }),
    limits: core.limits,
    directory: core.paths.root,
  });
}
