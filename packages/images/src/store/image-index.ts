import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { ownedName } from '@sovereign/core';
import { corrupt } from '../image-errors.ts';
import { type Descriptor, parseIndexFile } from '../manifest/manifest.ts';
import { mediaTypes } from '../manifest/media-types.ts';
import type { LibraryPaths } from './library-paths.ts';

/** A name, and the manifest that it stands for. */
export interface NamedManifest {
  readonly reference: string;
  readonly manifest: Descriptor;
}

/** Names a manifest where a tool looks for it: the whole name, as containers/image and containerd write it. */
export const nameAnnotations = {
  oci: 'org.opencontainers.image.ref.name',
  containerd: 'io.containerd.image.name',
} as const;

/**
 * The names of a library: `index.json` of an OCI image layout, replaced whole. Reading needs no lock; a change is made by
 * whoever holds the library's lock `index`.
 */
export class ImageIndex {
  readonly #paths: LibraryPaths;

  constructor(paths: LibraryPaths) {
    this.#paths = paths;
  }

  /** @throws SovereignError `image.corrupt` when the file is damaged */
  read(): readonly NamedManifest[] {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#paths.index);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw corrupt(`${this.#paths.index} cannot be read (${(error as Error).message})`);
    }
    return parseIndexFile(bytes, this.#paths.index).flatMap(({ mediaType, digest, size, annotations }) => {
      const reference = annotations[nameAnnotations.oci];
      return reference === undefined ? [] : [{ reference, manifest: { mediaType, digest, size } }];
    });
  }

  write(named: readonly NamedManifest[]): void {
    const manifests = named.map(({ reference, manifest }) => ({
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.size,
      annotations: { [nameAnnotations.oci]: reference },
    }));
    const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    const partial = ownedName(this.#paths.index);
    writeFileSync(partial, text, { mode: 0o600 });
    renameSync(partial, this.#paths.index);
  }
}
