/** What a container of an image is given unless its caller says otherwise (OCI image-spec, config.md). */
export interface ImageConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Empty when the image names none. */
  readonly workingDirectory: string;
  /** `user`, `uid`, `user:group` …; empty when the image names none. */
  readonly user: string;
  /** `5432/tcp` … */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Empty when the image names none. */
  readonly stopSignal: string;
}

/** One image of a library. */
export interface ImageRecord {
  /** Digest of its manifest: `sha256:…`. */
  readonly digest: string;
  /** Digest of its configuration, which engines call the image id. */
  readonly id: string;
  /** Every name it has, normalised: `docker.io/library/alpine:3`. Empty for one that is only kept because it is in use. */
  readonly references: readonly string[];
  /** `linux/amd64` */
  readonly platform: string;
  /** Unix time in milliseconds; 0 when the image does not say. */
  readonly createdMs: number;
  /** Bytes of its layers as they are stored. */
  readonly bytes: number;
  /** Digests of its layers, lowest first. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/** How far a pull, load or build is. */
export type ImageProgress =
  | { readonly kind: 'resolving' | 'unpacking' | 'done'; readonly reference: string }
  | {
      readonly kind: 'downloading';
      readonly layer: string;
      readonly bytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'present'; readonly layer: string }
  /** A line that the builder printed. */
  | { readonly kind: 'log'; readonly text: string };

export interface ImageCallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ImageProgress) => void;
}

export interface PullOptions extends ImageCallOptions {
  /** `linux/arm64` … Default: that of this host. */
  readonly platform?: string;
}

export interface BuildOptions extends ImageCallOptions {
  /** Absolute path of the directory that the Dockerfile may copy from. */
  readonly contextPath: string;
  /** Relative to the context. Default `Dockerfile`. */
  readonly dockerfile?: string;
  readonly reference: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Stage to stop at. Default: the last. */
  readonly target?: string;
  /** What steps may reach. Default: nothing on quilt, what the daemon gives on an engine that has one. */
  readonly network?: 'none' | 'host';
}

/**
 * Images of one engine. Names are normalised as Docker does (`alpine` is `docker.io/library/alpine:latest`). What is
 * fetched or loaded is verified against its digests, and is listed when it is whole. Two pulls of one image at once fetch
 * every layer once.
 */
export interface ImageLibrary {
  /** @throws SovereignError `image.pull-failed`, `image.denied`, `image.not-found`, `image.corrupt` */
  pull(reference: string, options?: PullOptions): Promise<ImageRecord>;
  /** @throws SovereignError `image.build-failed` with the step and its log; nothing half-made is listed. */
  build(options: BuildOptions): Promise<ImageRecord>;
  list(): Promise<readonly ImageRecord[]>;
  /** @throws SovereignError `image.not-found` */
  inspect(reference: string): Promise<ImageRecord>;
  /** Takes the name away, and the image with its last name. @throws SovereignError `image.in-use`, `image.not-found` */
  remove(reference: string): Promise<void>;
  tag(reference: string, as: string): Promise<ImageRecord>;
  /** Reads a docker or OCI archive (tar, plain or gzip). @throws SovereignError `image.corrupt`, `image.invalid` */
  load(archive: AsyncIterable<Uint8Array>, options?: ImageCallOptions): Promise<readonly ImageRecord[]>;
  /** An OCI archive that Docker reads too. */
  save(references: readonly string[]): AsyncIterable<Uint8Array>;
  /** Makes an image of one layer of a tar of a root file system. */
  import(
    rootfs: AsyncIterable<Uint8Array>,
    options: ImageCallOptions & { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord>;
}
