import type { ImageCallOptions, ImageRecord } from '@sovereign/core';
import { parseBoundedJson } from '@sovereign/core';
import * as v from 'valibot';
import { corrupt, invalidImage } from '../image-errors.ts';
import { compressionOf } from '../layer/decompress.ts';
import type { LibraryCore } from '../library-core.ts';
import { maxConfigBytes, parseConfig } from '../manifest/image-config.ts';
import { type Descriptor, maxLayers, maxManifestBytes, parseIndex } from '../manifest/manifest.ts';
import { indexTypes, mediaTypes } from '../manifest/media-types.ts';
import { choosePlatform, hostPlatform } from '../manifest/platform.ts';
import { normaliseReference } from '../reference/image-reference.ts';
import { nameAnnotations } from '../store/image-index.ts';
import type { StoredImage } from '../store/image-reader.ts';
import { type ArchivedFile, type ArchiveFiles, readArchive } from './archive-reader.ts';
import { layerTypeOf, writeManifest } from './write-manifest.ts';

const maxImages = 64;
const limits = { maxBytes: maxManifestBytes, maxDepth: 8 } as const;
const path = v.pipe(v.string(), v.maxLength(1_024));
const dockerSchema = v.pipe(
  v.array(
    v.object({
      Config: path,
      RepoTags: v.nullish(v.pipe(v.array(path), v.maxLength(maxImages))),
      Layers: v.nullish(v.pipe(v.array(path), v.maxLength(maxLayers))),
    }),
  ),
  v.maxLength(maxImages),
);

interface LoadedImage {
  readonly image: StoredImage;
  readonly references: readonly string[];
}

/** Loads every image of a docker or OCI archive. Nothing is named before all of them are whole. */
export async function loadArchive(
  core: LibraryCore,
  archive: AsyncIterable<Uint8Array>,
  options: ImageCallOptions,
): Promise<readonly ImageRecord[]> {
  return core.work(options.signal, async () => {
    const files = await readArchive(core, archive);
    const oci = files.get('index.json');
    const docker = files.get('manifest.json');
    // An archive of newer Docker has both; its index knows more, but names only what is in the other.
    const loaded =
      oci !== undefined && files.has('oci-layout')
        ? await ociImages(core, oci)
        : docker !== undefined
          ? await dockerImages(core, docker, files)
          : undefined;
    if (loaded === undefined || loaded.length === 0)
      throw invalidImage(
        'this archive has no images (neither index.json of OCI nor manifest.json of Docker)',
      );
    for (const { image, references } of loaded) {
      options.onProgress?.({ kind: 'unpacking', reference: references[0] ?? image.descriptor.digest });
      await core.unpackLayers(image, options.signal);
    }
    const records: ImageRecord[] = [];
    for (const { image, references } of loaded) {
      records.push(await core.name(image, references, options.signal));
      options.onProgress?.({ kind: 'done', reference: references[0] ?? image.descriptor.digest });
    }
    return records;
  });
}

async function ociImages(core: LibraryCore, index: ArchivedFile): Promise<readonly LoadedImage[]> {
  const entries = parseIndex(
    await core.blobs.read(index.digest, maxManifestBytes),
    'index.json of the archive',
  );
  const found = new Map<string, LoadedImage>();
  for (const entry of entries.slice(0, maxImages)) {
    let descriptor: Descriptor = entry;
    for (let depth = 0; indexTypes.includes(descriptor.mediaType); depth++) {
      if (depth > 2) throw corrupt('the index of an archive leads from index to index');
      const inner = parseIndex(
        await core.blobs.read(descriptor.digest, maxManifestBytes),
        `index ${descriptor.digest}`,
      );
      descriptor = choosePlatform(inner, hostPlatform());
    }
    const { digest, mediaType, size } = descriptor;
    const image = await core.read({ digest, mediaType, size });
    const named = entry.annotations[nameAnnotations.containerd] ?? entry.annotations[nameAnnotations.oci];
    const before = found.get(digest)?.references ?? [];
    found.set(digest, { image, references: [...before, ...nameOf(named, digest)] });
  }
  return [...found.values()].map((one) => ({ ...one, references: orOwn(one) }));
}

/** A name in an archive may be a tag alone, as some tools write it, or nothing that we would call a name. */
function nameOf(text: string | undefined, _digest: string): readonly string[] {
  if (text === undefined || !/[/:]/.test(text)) return [];
  return [normaliseReference(text)];
}

/** What has no name gets one by its digest, so that it is listed and can be removed. */
function orOwn({ image, references }: LoadedImage): readonly string[] {
  return references.length > 0 ? references : [`localhost/loaded@${image.descriptor.digest}`];
}

async function dockerImages(
  core: LibraryCore,
  list: ArchivedFile,
  files: ArchiveFiles,
): Promise<readonly LoadedImage[]> {
  let entries: v.InferOutput<typeof dockerSchema>;
  try {
    const bytes = await core.blobs.read(list.digest, maxManifestBytes);
    entries = v.parse(dockerSchema, parseBoundedJson(bytes.toString('utf8'), limits));
  } catch (error) {
    throw corrupt(`manifest.json of the archive: ${(error as Error).message.slice(0, 200)}`);
  }
  const fileOf = (name: string): ArchivedFile => {
    const file = files.get(name);
    if (file === undefined) throw corrupt(`the archive names ${JSON.stringify(name)} and does not have it`);
    return file;
  };
  return Promise.all(
    entries.map(async ({ Config, RepoTags, Layers }) => {
      const config = fileOf(Config);
      parseConfig(await core.blobs.read(config.digest, maxConfigBytes), 'a configuration of the archive');
      const layers = await Promise.all((Layers ?? []).map((name) => layerDescriptor(core, fileOf(name))));
      const descriptor = await writeManifest(core, { ...config, mediaType: mediaTypes.config }, layers);
      const image = await core.read(descriptor);
      const references = (RepoTags ?? []).map((name) => normaliseReference(name));
      return { image, references: orOwn({ image, references }) };
    }),
  );
}

async function layerDescriptor(core: LibraryCore, file: ArchivedFile): Promise<Descriptor> {
  for await (const bytes of core.blobs.stream(file.digest))
    return { ...file, mediaType: layerTypeOf(compressionOf(bytes.subarray(0, 4))) };
  return { ...file, mediaType: mediaTypes.layer };
}
