import type { ImageConfig, ImageRecord } from '@sovereign/core';
import { invalidImage, tooLarge } from '../image-errors.ts';
import { compressionOf } from '../layer/decompress.ts';
import { checkFreeSpace } from '../layer/layer-limits.ts';
import type { LibraryCore } from '../library-core.ts';
import { emptyConfig, extendConfig } from '../manifest/image-config.ts';
import { type Descriptor, maxLayers } from '../manifest/manifest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import { hostPlatform } from '../manifest/platform.ts';
import { normaliseReference } from '../reference/image-reference.ts';
import { layerTypeOf, writeManifest } from './write-manifest.ts';

export interface NewImage {
  readonly base: string | undefined;
  readonly layer: AsyncIterable<Uint8Array>;
  readonly reference: string;
  readonly config: Partial<ImageConfig>;
  readonly createdBy: string;
  readonly nowMs: number;
  readonly signal?: AbortSignal;
}

/** Makes an image of a base, or of nothing, and one more layer. */
export async function addLayer(core: LibraryCore, options: NewImage): Promise<ImageRecord> {
  const name = normaliseReference(options.reference);
  return core.work(options.signal, async () => {
    const base = options.base === undefined ? undefined : await core.find(options.base);
    const below = base?.manifest.layers ?? [];
    if (below.length >= maxLayers) throw invalidImage(`it would have more than ${maxLayers} layers`);
    const layer = await storeLayer(core, options.layer);
    const diffId = await core.unpacking.run(() =>
      core.layers.add(core.blobs.stream(layer.digest), options.signal),
    );
    const config = extendConfig(base?.config ?? emptyConfig(hostPlatform()), {
      diffId,
      config: options.config,
      createdBy: options.createdBy,
      createdMs: options.nowMs,
    });
    const configDescriptor = { ...(await core.blobs.put(config)), mediaType: mediaTypes.config };
    const descriptor = await writeManifest(core, configDescriptor, [...below, layer]);
    const image = await core.read(descriptor);
    await core.unpackLayers(image, options.signal);
    return core.name(image, [name], options.signal);
  });
}

async function storeLayer(core: LibraryCore, source: AsyncIterable<Uint8Array>): Promise<Descriptor> {
  const { maxLayerBytes, reservedDiskBytes } = core.limits;
  const writer = await core.blobs.writer();
  let start = Buffer.alloc(0);
  let lookAt = 0;
  try {
    for await (const bytes of source) {
      if (start.byteLength < 4) start = Buffer.concat([start, bytes.subarray(0, 4)]);
      await writer.write(bytes);
      if (writer.size > maxLayerBytes) throw tooLarge('a layer has too many bytes', `${maxLayerBytes} bytes`);
      if (writer.size < lookAt) continue;
      lookAt = writer.size + 32 * 1024 ** 2;
      checkFreeSpace(core.paths.root, reservedDiskBytes, 32 * 1024 ** 2);
    }
    return { ...(await writer.commit()), mediaType: layerTypeOf(compressionOf(start)) };
  } finally {
    await writer.abort();
  }
}
