import type {
  BuildOptions,
  ImageCallOptions,
  ImageConfig,
  ImageLibrary,
  ImageRecord,
  PullOptions,
} from '@sovereign/core';
import { SovereignError, type ErrorReason } from '@sovereign/protocol';
import {
  emptyImageConfig,
  ociDigests,
  ociPlatform,
  readOciArchive,
  writeOciArchive,
  type OciImage,
} from '../../archive/oci-archive.ts';
import { readTar } from '../../archive/tar.ts';
import { fakeDirectory, type FakeNodes } from '../fake-tree.ts';

/** Images in memory, as real OCI documents with real digests. */
export class FakeImages implements ImageLibrary {
  readonly #registry: ReadonlyMap<string, OciImage>;
  readonly #images = new Map<string, OciImage>();
  readonly #names = new Map<string, string>();
  readonly #isUsed: (digest: string) => boolean;
  readonly #tell: (kind: 'imagePulled' | 'imageRemoved', reference: string) => void;

  constructor(init: {
    readonly registry: ReadonlyMap<string, OciImage>;
    readonly isUsed: (digest: string) => boolean;
    readonly tell: (kind: 'imagePulled' | 'imageRemoved', reference: string) => void;
  }) {
    this.#registry = init.registry;
    this.#isUsed = init.isUsed;
    this.#tell = init.tell;
  }

  async pull(reference: string, options: PullOptions = {}): Promise<ImageRecord> {
    await Promise.resolve();
    cancelledIfAborted(options.signal);
    const name = normalised(reference);
    options.onProgress?.({ kind: 'resolving', reference: name });
    const image = this.#registry.get(name);
    if (image === undefined) throw failure('image.not-found', `No registry has an image ${name}.`);
    for (const [at, layer] of image.layers.entries()) {
      const digest = ociDigests(image).layers[at] ?? '';
      const bytes = layer.byteLength;
      options.onProgress?.({ kind: 'downloading', layer: digest, bytes, totalBytes: bytes });
    }
    const digest = this.add({ ...image, references: [] }, name);
    options.onProgress?.({ kind: 'done', reference: name });
    this.#tell('imagePulled', name);
    return this.#record(digest);
  }

  build(options: BuildOptions): Promise<ImageRecord> {
    return Promise.reject(failure('capability.missing', `The fake builds no images: ${options.reference}.`));
  }

  list(): Promise<readonly ImageRecord[]> {
    return Promise.resolve([...this.#images.keys()].map((digest) => this.#record(digest)));
  }

  async inspect(reference: string): Promise<ImageRecord> {
    await Promise.resolve();
    return this.#record(this.#find(reference));
  }

  async remove(reference: string): Promise<void> {
    await Promise.resolve();
    const digest = this.#find(reference);
    const names = this.#record(digest).references;
    const isLast = names.length < 2 || reference.startsWith('sha256:');
    if (isLast && this.#isUsed(digest)) throw failure('image.in-use', `A sandbox is made of ${reference}.`);
    if (isLast) {
      for (const name of names) this.#names.delete(name);
      this.#images.delete(digest);
    } else this.#names.delete(normalised(reference));
    this.#tell('imageRemoved', reference);
  }

  async tag(reference: string, as: string): Promise<ImageRecord> {
    await Promise.resolve();
    const digest = this.#find(reference);
    this.#names.set(normalised(as), digest);
    return this.#record(digest);
  }

  async load(
    archive: AsyncIterable<Uint8Array>,
    options: ImageCallOptions = {},
  ): Promise<readonly ImageRecord[]> {
    const bytes = await collected(archive, options.signal);
    let images: readonly OciImage[];
    try {
      images = readOciArchive(bytes);
      for (const image of images) for (const layer of image.layers) readTar(layer);
    } catch (error) {
      throw failure('image.corrupt', error instanceof Error ? error.message : String(error));
    }
    return images.map((image) => {
      const digest = this.add(image, ...image.references.map(normalised));
      return this.#record(digest);
    });
  }

  async *save(references: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
    await Promise.resolve();
    const wanted = new Map<string, string[]>();
    for (const reference of references) {
      const digest = this.#find(reference);
      wanted.set(digest, [...(wanted.get(digest) ?? []), normalised(reference)]);
    }
    yield writeOciArchive(
      [...wanted].map(([digest, names]) => ({ ...this.image(digest), references: names })),
    );
  }

  async import(
    rootfs: AsyncIterable<Uint8Array>,
    options: ImageCallOptions & { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord> {
    const layer = await collected(rootfs, options.signal);
    try {
      readTar(layer);
    } catch (error) {
      throw failure('image.invalid', error instanceof Error ? error.message : String(error));
    }
    const config = { ...emptyImageConfig, ...options.config };
    const digest = this.add(
      { references: [], config, layers: [layer], createdMs: 0 },
      normalised(options.reference),
    );
    return this.#record(digest);
  }

  /** Stores an image under names, as a commit does. Returns its digest. */
  add(image: OciImage, ...names: readonly string[]): string {
    const digest = ociDigests(image).manifest;
    this.#images.set(digest, { ...image, references: [] });
    for (const name of names) this.#names.set(normalised(name), digest);
    return digest;
  }

  /** @throws SovereignError `image.not-found` */
  image(reference: string): OciImage {
    const image = this.#images.get(this.#find(reference));
    if (image === undefined) throw failure('image.not-found', `No image has the name ${reference}.`);
    return image;
  }

  digest(reference: string): string {
    return this.#find(reference);
  }

  record(digest: string): ImageRecord {
    return this.#record(digest);
  }

  /** What a container of an image has at its root: its layers, whiteouts applied. */
  files(reference: string): FakeNodes {
    const nodes: FakeNodes = new Map([['/', fakeDirectory(0o755)]]);
    for (const layer of this.image(reference).layers) {
      for (const { path, kind, mode, content } of readTar(layer)) {
        const at = `/${path}`;
        const name = at.slice(at.lastIndexOf('/') + 1);
        if (name.startsWith('.wh.')) {
          const gone = at.slice(0, at.lastIndexOf('/') + 1) + name.slice(4);
          for (const key of [...nodes.keys()])
            if (key === gone || key.startsWith(`${gone}/`)) nodes.delete(key);
        } else if (kind !== 'link') nodes.set(at, { kind, content, mode, modifiedMs: 0 });
      }
    }
    return nodes;
  }

  #find(reference: string): string {
    const digest = reference.startsWith('sha256:') ? reference : this.#names.get(normalised(reference));
    if (digest !== undefined && this.#images.has(digest)) return digest;
    throw failure('image.not-found', `No image has the name ${reference}.`);
  }

  #record(digest: string): ImageRecord {
    const image = this.#images.get(digest);
    if (image === undefined) throw failure('image.not-found', `No image has the digest ${digest}.`);
    const digests = ociDigests(image);
    return {
      digest,
      id: digests.config,
      references: [...this.#names].filter(([, one]) => one === digest).map(([name]) => name),
      platform: ociPlatform(),
      createdMs: image.createdMs,
      bytes: image.layers.reduce((sum, layer) => sum + layer.byteLength, 0),
      layers: digests.layers,
      config: image.config,
    };
  }
}

/** `alpine` is `docker.io/library/alpine:latest`, as Docker has it. @throws SovereignError `image.invalid` */
export function normalised(reference: string): string {
  const match =
    /^((?:[a-z0-9.-]+(?::\d+)?\/)?)([a-z0-9][a-z0-9._/-]*)(:[A-Za-z0-9_][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.exec(
      reference,
    );
  if (match === null) throw failure('image.invalid', `Not the name of an image: ${reference}.`);
  const [, first = '', path = '', tag = '', digest = ''] = match;
  const isHost = /[.:]/.test(first) || first === 'localhost/';
  const host = isHost ? first : `docker.io/${first === '' ? 'library/' : first}`;
  return `${host}${path}${tag === '' && digest === '' ? ':latest' : tag}${digest}`;
}

export function failure(
  reason: ErrorReason,
  message: string,
  context: Readonly<Record<string, string>> = {},
): SovereignError {
  return new SovereignError({ reason, message, hint: 'Look at what the fake holds.', context });
}

function cancelledIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw failure('operation.cancelled', 'The call was cancelled.');
}

async function collected(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) {
    cancelledIfAborted(signal);
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}
