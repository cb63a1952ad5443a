import type { ImageSpec } from '@sovereign/core';

/** A file of the pipeline, kept under the digest of what it was made from. It never changes once it has its path. */
export interface Artifact {
  /** Absolute path on the host. */
  readonly path: string;
  /** SHA-256 of the content, 64 hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

/** A directory of the host that a guest sees read-only at its own path, when the image is the host's `/usr`. */
export interface SharedDirectory {
  readonly source: string;
  readonly target: string;
}

/** What the root of a guest is made of. */
export interface RootImage {
  /** squashfs, mounted read-only below a writable layer. */
  readonly base: Artifact;
  /** Mounted over it; empty for an image that is whole. A guest with shared directories cannot be snapshotted. */
  readonly shared: readonly SharedDirectory[];
}

/** A root file system that comes as a plain tar, made by `flattenLayers`. */
export interface LayeredRoot {
  /** What names it: the same digest stands for the same bytes. */
  readonly rootDigest: string;
  readonly tar: () => AsyncIterable<Uint8Array>;
  /** What people call it. */
  readonly name: string;
}

/** How far a step of the pipeline is, for people. */
export interface BuildProgress {
  readonly step: 'kernel' | 'initrd' | 'rootfs' | 'disk';
  readonly text: string;
}

export interface BuildCall {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BuildProgress) => void;
}

/**
 * Everything that a microVM boots from. Each artifact is made at first use and found again by what it was made from: the
 * same inputs give the same digest. Safe to use from several processes at once.
 */
export interface MicrovmArtifacts {
  /**
   * The kernel: an uncompressed x86-64 ELF image with a PVH entry, drivers built in.
   *
   * @throws SovereignError `microvm.kernel-missing` when none was built (`buildKernel`), `microvm.kernel-invalid`
   */
  kernel(): Promise<Artifact>;
  /** Builds the kernel from the distribution's source package; minutes. @throws SovereignError `microvm.build-failed` */
  buildKernel(call?: BuildCall): Promise<Artifact>;
  /** A small cpio archive with shelld as `/init` and the Python action library. */
  initrd(): Promise<Artifact>;
  /** @throws SovereignError `microvm.build-failed`, `microvm.kernel-invalid` (cut short), `image.invalid`, `image.not-found` */
  rootImage(image: ImageSpec, call?: BuildCall): Promise<RootImage>;
  /** An empty ext4 file system, sparse, to be the backing of a guest's writable layer. */
  emptyDisk(bytes: number): Promise<Artifact>;
}
