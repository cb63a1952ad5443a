import { parseBoundedJson, type JsonLimits } from '@sovereign/core';
import * as v from 'valibot';
import { corrupt, quoted } from '../image-errors.ts';
import { isDigest, type Digest } from '../reference/digest.ts';
import { configTypes, indexTypes, layerTypes, manifestTypes } from './media-types.ts';

/** Largest manifest or index that is taken; registries refuse more than 4 MiB too. */
export const maxManifestBytes: number = 4 * 1024 * 1024;
/** Overlayfs takes 500 lower directories, Docker 127 layers. */
export const maxLayers = 127;
const maxEntries = 256;
const limits: JsonLimits = { maxBytes: maxManifestBytes, maxDepth: 16 };
const libraryLimits: JsonLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 16 };

/** What names a blob: its digest, and how long it is. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface PlatformDescriptor extends Descriptor {
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const text = v.pipe(v.string(), v.maxLength(4_096));
const digest = v.pipe(
  v.string(),
  v.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'a sha256 digest expected'),
);
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const descriptor = v.object({ mediaType: text, digest, size });
const platformDescriptor = v.object({
  ...descriptor.entries,
  platform: v.optional(v.object({ os: text, architecture: text, variant: v.optional(text) })),
  annotations: v.optional(v.record(v.string(), text)),
});
const manifestSchema = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(text),
  config: descriptor,
  layers: v.pipe(v.array(descriptor), v.maxLength(maxLayers)),
});
const indexSchema = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(text),
  manifests: v.pipe(v.array(platformDescriptor), v.maxLength(maxEntries)),
});
const indexFileSchema = v.object({ ...indexSchema.entries, manifests: v.array(platformDescriptor) });

/** @throws SovereignError `image.corrupt` */
export function parseManifest(bytes: Uint8Array, what: string): Manifest {
  const { mediaType, config, layers } = parse(manifestSchema, bytes, what);
  if (!configTypes.includes(config.mediaType))
    throw corrupt(
      `${what}: its configuration is of type ${quoted(config.mediaType)}, so it is no container image`,
    );
  const strange = layers.find((layer) => !layerTypes.includes(layer.mediaType));
  if (strange !== undefined) throw corrupt(`${what}: a layer is of type ${quoted(strange.mediaType)}`);
  return { mediaType: mediaType ?? manifestTypes[0] ?? '', config, layers };
}

/** @throws SovereignError `image.corrupt` */
export function parseIndex(bytes: Uint8Array, what: string): readonly PlatformDescriptor[] {
  return parse(indexSchema, bytes, what).manifests.map(platformDescriptorOf);
}

/** The index of a library: of our own writing, so it may hold as many names as a user gave. */
export function parseIndexFile(bytes: Uint8Array, what: string): readonly PlatformDescriptor[] {
  return parse(indexFileSchema, bytes, what, libraryLimits).manifests.map(platformDescriptorOf);
}

function platformDescriptorOf(entry: v.InferOutput<typeof platformDescriptor>): PlatformDescriptor {
  return {
    mediaType: entry.mediaType,
    digest: entry.digest,
    size: entry.size,
    annotations: entry.annotations ?? {},
    ...(entry.platform === undefined
      ? {}
      : {
          platform: {
            os: entry.platform.os,
            architecture: entry.platform.architecture,
            ...(entry.platform.variant === undefined ? {} : { variant: entry.platform.variant }),
          },
        }),
  };
}

/** Whether a document is an index of manifests rather than a manifest: by its type, or by its shape where it names none. */
export function isIndex(bytes: Uint8Array, mediaType: string): boolean {
  if (indexTypes.includes(mediaType)) return true;
  if (manifestTypes.includes(mediaType)) return false;
  return (
    parse(v.object({ manifests: v.optional(v.array(v.unknown())) }), bytes, 'a manifest').manifests !==
    undefined
  );
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
  within: JsonLimits = limits,
): v.InferOutput<Schema> {
  try {
    return v.parse(schema, parseBoundedJson(Buffer.from(bytes).toString('utf8'), within));
  } catch (error) {
    throw corrupt(`${what}: ${error instanceof Error ? error.message.slice(0, 200) : 'it is no manifest'}`);
  }
}
