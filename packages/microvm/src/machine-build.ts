import type { BootArtifact, BootArtifacts, ImageSpec } from '@sovereign/core';
import type { Artifact, MicrovmArtifacts } from './artifacts.ts';
import type { MachineImages } from './machine-images.ts';

/** Builds everything that a machine of an image boots from: `sovereign microvm build`. */
export class MachineBuild implements BootArtifacts {
  readonly #artifacts: MicrovmArtifacts;
  readonly #images: MachineImages;

  constructor(artifacts: MicrovmArtifacts, images: MachineImages) {
    this.#artifacts = artifacts;
    this.#images = images;
  }

  async build(options: {
    readonly image: ImageSpec;
    readonly onProgress?: (text: string) => void;
    readonly signal?: AbortSignal;
  }): Promise<readonly BootArtifact[]> {
    const { image, onProgress, signal } = options;
    const call = {
      ...(signal !== undefined && { signal }),
      onProgress: ({ text }: { readonly text: string }): void => onProgress?.(text),
    };
    const kernel = await this.#artifacts.buildKernel(call);
    const [initrd, root] = [await this.#artifacts.initrd(), await this.#images.prepare(image, call)];
    return [named('kernel', kernel), named('initrd', initrd), named('root', root.base)];
  }
}

function named(kind: string, { path, digest, bytes }: Artifact): BootArtifact {
  return { kind, path, digest, bytes };
}
