import type { ImageSpec } from './sandbox-spec.ts';

/** One thing that guests boot from, as it was built or found. */
export interface BootArtifact {
  /** `kernel`, `initrd`, `root`, `disk` */
  readonly kind: string;
  readonly path: string;
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

/** Builds what guests of a backend boot from, on this host. What is there already is found and not built again. */
export interface BootArtifacts {
  /** @throws SovereignError `microvm.build-failed`, `image.invalid`, `operation.cancelled` */
  build(options: {
    readonly image: ImageSpec;
    readonly onProgress?: (text: string) => void;
    readonly signal?: AbortSignal;
  }): Promise<readonly BootArtifact[]>;
}
