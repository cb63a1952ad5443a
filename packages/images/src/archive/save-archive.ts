import type { LibraryCore } from '../library-core.ts';
import type { Descriptor } from '../manifest/manifest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import { hexOf } from '../reference/digest.ts';
import { isDigest } from '../reference/digest.ts';
import { parseReference } from '../reference/image-reference.ts';
import { nameAnnotations } from '../store/image-index.ts';
import type { StoredImage } from '../store/image-reader.ts';
import { paddingOf } from '../tar/tar-entry.ts';
import { fileEntry, tarEnd, tarHeader } from '../tar/write-tar.ts';

interface SavedImage {
  readonly image: StoredImage;
  /** Undefined when it was asked for by digest alone. */
  readonly name: string | undefined;
}

/**
 * Writes an OCI image layout as a tar, with the `manifest.json` of Docker beside it: blobs are stored once, and both kinds
 * of tools find their way. Times are 0, so that the same images give the same bytes.
 *
 * @throws SovereignError `image.not-found` before the first byte
 */
export async function* saveArchive(
  core: LibraryCore,
  references: readonly string[],
): AsyncGenerator<Uint8Array> {
  const saved: SavedImage[] = [];
  for (const text of references) {
    saved.push({ image: await core.find(text), name: isDigest(text) ? undefined : core.nameOf(text) });
  }
  yield* textFile('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  yield* textFile('index.json', indexOf(saved));
  yield* textFile('manifest.json', dockerList(saved));
  const blobs = new Map<string, Descriptor>();
  for (const { image } of saved)
    for (const descriptor of [image.descriptor, image.manifest.config, ...image.manifest.layers])
      blobs.set(descriptor.digest, descriptor);
  for (const descriptor of blobs.values()) {
    yield tarHeader(fileEntry(`blobs/sha256/${hexOf(descriptor.digest)}`, descriptor.size));
    yield* core.blobs.stream(descriptor.digest);
    yield Buffer.alloc(paddingOf(descriptor.size));
  }
  yield tarEnd;
}

function* textFile(name: string, text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  yield tarHeader(fileEntry(name, bytes.byteLength));
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.byteLength));
}

function indexOf(saved: readonly SavedImage[]): string {
  const manifests = saved.map(({ image: { descriptor, config }, name }) => ({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    platform: {
      os: config.os,
      architecture: config.architecture,
      ...(config.variant && { variant: config.variant }),
    },
    ...(name !== undefined && {
      annotations: { [nameAnnotations.oci]: name, [nameAnnotations.containerd]: name },
    }),
  }));
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
}

/** One entry an image, with all of its tags. A name by digest is no tag to Docker. */
function dockerList(saved: readonly SavedImage[]): string {
  const images = new Map<string, { readonly image: StoredImage; readonly tags: string[] }>();
  for (const { image, name } of saved) {
    const entry = images.get(image.descriptor.digest) ?? { image, tags: [] };
    images.set(image.descriptor.digest, entry);
    const parsed = name === undefined ? undefined : parseReference(name);
    if (parsed?.tag !== undefined) entry.tags.push(`${parsed.registry}/${parsed.repository}:${parsed.tag}`);
  }
  return JSON.stringify(
    [...images.values()].map(({ image, tags }) => ({
      Config: `blobs/sha256/${hexOf(image.manifest.config.digest)}`,
      RepoTags: tags,
      Layers: image.manifest.layers.map(({ digest }) => `blobs/sha256/${hexOf(digest)}`),
    })),
  );
}
