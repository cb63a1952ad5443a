import { createHash } from 'node:crypto';
import type { ImageConfig } from '@sovereign/core';
import { readTar, tarDirectory, tarFile, writeTar } from './tar.ts';

/** An image in memory: its layers as tar archives, lowest first. */
export interface OciImage {
  readonly references: readonly string[];
  readonly config: ImageConfig;
  readonly layers: readonly Uint8Array[];
  readonly createdMs: number;
}

/** The digests by which an image is known. */
export interface OciDigests {
  readonly manifest: string;
  readonly config: string;
  readonly layers: readonly string[];
}

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;
const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' } as const;

/** `linux/amd64` */
export function ociPlatform(): string {
  return `${platform.os}/${platform.architecture}`;
}

export const emptyImageConfig: ImageConfig = {
  env: {},
  entrypoint: [],
  command: [],
  workingDirectory: '',
  user: '',
  exposedPorts: [],
  labels: {},
  stopSignal: '',
};

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function ociDigests(image: OciImage): OciDigests {
  const { manifest, config } = documents(image);
  return { manifest: digestOf(manifest), config: digestOf(config), layers: image.layers.map(digestOf) };
}

/** An archive of an OCI image layout (image-layout.md), every name of every image in its index. */
export function writeOciArchive(images: readonly OciImage[]): Buffer {
  const blobs = new Map<string, Uint8Array>();
  const manifests: object[] = [];
  for (const image of images) {
    const { manifest, config } = documents(image);
    for (const blob of [Buffer.from(manifest), Buffer.from(config), ...image.layers])
      blobs.set(digestOf(blob), blob);
    const entry = { mediaType: types.manifest, digest: digestOf(manifest), size: manifest.length, platform };
    for (const name of image.references.length > 0 ? image.references : [undefined])
      manifests.push({
        ...entry,
        ...(name !== undefined && {
          annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
        }),
      });
  }
  return writeTar([
    tarFile('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })),
    tarFile('index.json', JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests })),
    tarDirectory('blobs'),
    tarDirectory('blobs/sha256'),
    ...[...blobs].map(([digest, bytes]) => tarFile(blobPath(digest), bytes)),
  ]);
}

/** @throws Error for a blob that is missing or has another digest than its name. */
export function readOciArchive(archive: Uint8Array): readonly OciImage[] {
  const files = new Map(readTar(archive).map(({ path, content }) => [path, content]));
  const blob = (digest: string): Uint8Array => {
    const bytes = files.get(blobPath(digest));
    if (bytes === undefined) throw new Error(`oci: blob ${digest} is missing`);
    if (digestOf(bytes) !== digest) throw new Error(`oci: a blob is not ${digest}`);
    return bytes;
  };
  const index = files.get('index.json');
  if (index === undefined) throw new Error('oci: index.json is missing');
  const images = new Map<string, OciImage>();
  for (const entry of (json(index) as { manifests: Descriptor[] }).manifests) {
    const name = entry.annotations?.['io.containerd.image.name'];
    const manifest = json(blob(entry.digest)) as { config: Descriptor; layers: Descriptor[] };
    const config = json(blob(manifest.config.digest)) as OciConfig;
    const known = images.get(entry.digest);
    images.set(entry.digest, {
      references: [...(known?.references ?? []), ...(name === undefined ? [] : [name])],
      config: parseConfig(config),
      layers: manifest.layers.map(({ digest }) => blob(digest)),
      createdMs: config.created === undefined ? 0 : Date.parse(config.created),
    });
  }
  return [...images.values()];
}

interface Descriptor {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface OciConfig {
  readonly created?: string;
  readonly config?: {
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly User?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
  };
}

function documents({ config, layers, createdMs }: OciImage): {
  readonly manifest: string;
  readonly config: string;
} {
  const diffIds = layers.map(digestOf);
  const configText = JSON.stringify({
    created: new Date(createdMs).toISOString(),
    ...platform,
    config: {
      Env: Object.entries(config.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: config.entrypoint,
      Cmd: config.command,
      WorkingDir: config.workingDirectory,
      User: config.user,
      ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [port, {}])),
      Labels: config.labels,
      StopSignal: config.stopSignal,
    },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created_by: 'sovereign testkit' })),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: digestOf(configText), size: Buffer.byteLength(configText) },
    layers: layers.map((layer, at) => ({
      mediaType: types.layer,
      digest: diffIds[at],
      size: layer.byteLength,
    })),
  });
  return { manifest, config: configText };
}

function parseConfig({ config = {} }: OciConfig): ImageConfig {
  return {
    env: Object.fromEntries(
      (config.Env ?? []).map((entry) => {
        const at = entry.indexOf('=');
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
    ),
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    workingDirectory: config.WorkingDir ?? '',
    user: config.User ?? '',
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    labels: config.Labels ?? {},
    stopSignal: config.StopSignal ?? '',
  };
}

function json(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
