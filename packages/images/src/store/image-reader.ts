import type { ImageRecord } from '@sovereign/core';
import { corrupt } from '../image-errors.ts';
import { type ConfigDocument, maxConfigBytes, parseConfig } from '../manifest/image-config.ts';
import { type Descriptor, type Manifest, maxManifestBytes, parseManifest } from '../manifest/manifest.ts';
import { formatPlatform } from '../manifest/platform.ts';
import type { BlobStore } from './blob-store.ts';

/** An image of the library, read and checked. */
export interface StoredImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ConfigDocument;
}

/** @throws SovereignError `image.corrupt` when it is damaged or does not fit together */
export async function readImage(blobs: BlobStore, descriptor: Descriptor): Promise<StoredImage> {
  const what = `image ${descriptor.digest}`;
  const manifest = parseManifest(await blobs.read(descriptor.digest, maxManifestBytes), what);
  const config = parseConfig(
    await blobs.read(manifest.config.digest, maxConfigBytes),
    `configuration of ${what}`,
  );
  checkLayerCount(manifest, config, what);
  return { descriptor, manifest, config };
}

/** Every layer has a digest of its plain tar, or there is no way to verify it. */
export function checkLayerCount(manifest: Manifest, config: ConfigDocument, what: string): void {
  if (manifest.layers.length === config.diffIds.length) return;
  throw corrupt(`${what} has ${manifest.layers.length} layers and ${config.diffIds.length} digests of them`);
}

export function recordOf(image: StoredImage, references: readonly string[]): ImageRecord {
  const { descriptor, manifest, config } = image;
  return {
    digest: descriptor.digest,
    id: manifest.config.digest,
    references: [...references].sort(),
    platform: formatPlatform(config),
    createdMs: config.createdMs,
    bytes: manifest.layers.reduce((sum, { size }) => sum + size, 0),
    layers: manifest.layers.map(({ digest }) => digest),
    config: config.config,
  };
}
