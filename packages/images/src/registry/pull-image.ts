import type { ImageRecord, PullOptions, RegistrySettings } from '@sovereign/core';
import { throwIfCancelled } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { corrupt, imageNotFound } from '../image-errors.ts';
import type { LibraryCore } from '../library-core.ts';
import { maxConfigBytes, parseConfig } from '../manifest/image-config.ts';
import { type Descriptor, isIndex, parseIndex, parseManifest } from '../manifest/manifest.ts';
import { choosePlatform, hostPlatform, parsePlatform, type Platform } from '../manifest/platform.ts';
import { formatReference, type ImageReference } from '../reference/image-reference.ts';
import { checkLayerCount, readImage, type StoredImage } from '../store/image-reader.ts';
import type { Limiter } from '../store/limiter.ts';
import type { Credentials } from './credentials.ts';
import { fetchBlob } from './fetch-blob.ts';
import type { HttpClient } from './http-request.ts';
import { endpointsOf } from './registry-config.ts';
import { type FetchedManifest, RepositoryClient } from './repository-client.ts';
import type { RetryPolicy } from './retry.ts';

export interface PullInit {
  readonly core: LibraryCore;
  readonly http: HttpClient;
  readonly registries: Readonly<Record<string, RegistrySettings>>;
  readonly findCredentials: (host: string, repository: string) => Promise<Credentials | undefined>;
  readonly retry: RetryPolicy;
  /** Bounds what is fetched at the same time. */
  readonly downloads: Limiter;
}

/** An index may point to indexes; more levels than this are a trap. */
const maxIndexDepth = 3;

/**
 * Fetches an image: from the mirrors of its registry in their order, then from itself. Layers are unpacked as they arrive;
 * the name is given when everything is there.
 */
export async function pullImage(
  reference: ImageReference,
  options: PullOptions,
  init: PullInit,
): Promise<ImageRecord> {
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  const name = formatReference(reference);
  options.onProgress?.({ kind: 'resolving', reference: name });
  return init.core.work(options.signal, async () => {
    let failure: unknown = imageNotFound(name);
    for (const endpoint of endpointsOf(reference.registry, init.registries)) {
      const client = new RepositoryClient({
        http: init.http,
        endpoint,
        repository: reference.repository,
        findCredentials: (host) => init.findCredentials(host, reference.repository),
        retry: init.retry,
      });
      try {
        const image = await fetchImage(client, reference, platform, options, init);
        const record = await init.core.name(image, [name], options.signal);
        options.onProgress?.({ kind: 'done', reference: name });
        return record;
      } catch (error) {
        throwIfCancelled(options.signal);
        // Another endpoint may do better, but not at what is wrong here.
        if (error instanceof SovereignError && error.reason === 'image.too-large') throw error;
        failure = error;
      }
    }
    throw failure;
  });
}

async function fetchImage(
  client: RepositoryClient,
  reference: ImageReference,
  platform: Platform,
  options: PullOptions,
  init: PullInit,
): Promise<StoredImage> {
  const { core } = init;
  const fetched = await resolveManifest(
    client,
    reference.digest ?? reference.tag ?? 'latest',
    platform,
    options.signal,
  );
  const what = formatReference(reference);
  const manifest = parseManifest(fetched.bytes, what);
  for (const layer of manifest.layers)
    if (layer.size > core.limits.maxLayerBytes)
      throw corrupt(`${layer.digest} says that it has ${layer.size} bytes`);
  if (manifest.config.size > maxConfigBytes)
    throw corrupt(`the configuration of ${what} has ${manifest.config.size} bytes`);
  // One that fails stops the others, so that nothing goes on behind the caller's back.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const fetch = (descriptor: Descriptor, onBytes?: (bytes: number) => void): Promise<boolean> =>
    init.downloads.run(() =>
      fetchBlob(descriptor, {
        client,
        paths: core.paths,
        blobs: core.blobs,
        lock: core.lock,
        retry: init.retry,
        reservedDiskBytes: core.limits.reservedDiskBytes,
        signal,
        ...(onBytes && { onBytes }),
      }),
    );
  await fetch(manifest.config);
  const config = parseConfig(
    await core.blobs.read(manifest.config.digest, maxConfigBytes),
    `configuration of ${what}`,
  );
  checkLayerCount(manifest, config, what);
  await core.blobs.put(fetched.bytes);
  const descriptor = {
    mediaType: manifest.mediaType,
    digest: fetched.digest,
    size: fetched.bytes.byteLength,
  };
  const image: StoredImage = { descriptor, manifest, config };
  const report = options.onProgress ?? (() => undefined);
  let isUnpacking = false;
  const tasks = manifest.layers.map(async (layer, at) => {
    const isNew = await fetch(layer, (bytes) =>
      report({ kind: 'downloading', layer: layer.digest, bytes, totalBytes: layer.size }),
    );
    if (!isNew) report({ kind: 'present', layer: layer.digest });
    if (!isUnpacking) report({ kind: 'unpacking', reference: what });
    isUnpacking = true;
    await core.unpackLayer(image, layer, at, signal);
  });
  try {
    await Promise.all(tasks);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(tasks);
    throw error;
  }
  return readImage(core.blobs, descriptor);
}

/** Follows indexes to the manifest of one platform. */
async function resolveManifest(
  client: RepositoryClient,
  name: string,
  platform: Platform,
  signal: AbortSignal | undefined,
): Promise<FetchedManifest> {
  let fetched = await client.manifest(name, signal);
  for (let depth = 0; isIndex(fetched.bytes, fetched.mediaType); depth++) {
    if (depth >= maxIndexDepth) throw corrupt('its index leads from index to index');
    const chosen = choosePlatform(parseIndex(fetched.bytes, name), platform);
    fetched = await client.manifest(chosen.digest, signal);
    if (fetched.bytes.byteLength !== chosen.size)
      throw corrupt(
        `the manifest ${chosen.digest} has ${fetched.bytes.byteLength} bytes, not the ${chosen.size} of its index`,
      );
  }
  return fetched;
}
