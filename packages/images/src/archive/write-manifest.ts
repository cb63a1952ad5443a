import type { Compression } from '../layer/decompress.ts';
import type { LibraryCore } from '../library-core.ts';
import type { Descriptor } from '../manifest/manifest.ts';
import { mediaTypes } from '../manifest/media-types.ts';

/** Stores an OCI manifest of ours. */
export async function writeManifest(
  core: LibraryCore,
  config: Descriptor,
  layers: readonly Descriptor[],
): Promise<Descriptor> {
  const plain = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: plain(config),
    layers: layers.map(plain),
  };
  return { ...(await core.blobs.put(Buffer.from(JSON.stringify(document)))), mediaType: mediaTypes.manifest };
}

export function layerTypeOf(compression: Compression): string {
  return { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd }[compression];
}
