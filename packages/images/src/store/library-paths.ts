import { join } from 'node:path';
import { hexOf, type Digest } from '../reference/digest.ts';

/**
 * Where a library keeps what:
 *
 * ```
 * oci-layout, index.json    names; an OCI image layout that other tools read too
 * blobs/sha256/<hex>        manifests, configurations, layers as they were fetched
 * layers/<hex>/             a layer unpacked, by the digest of its plain tar; a lower directory of overlays
 * leases/<owner>.json       who uses which image
 * ingest/                   what is being fetched; `<hex>.partial` can be resumed
 * locks/                    who is at what
 * ```
 */
export interface LibraryPaths {
  readonly root: string;
  readonly layout: string;
  readonly index: string;
  readonly blobs: string;
  readonly layers: string;
  readonly leases: string;
  readonly ingest: string;
  readonly locks: string;
}

/** The layer of an image that has none. */
export const emptyLayer = 'empty';

export function libraryPaths(root: string): LibraryPaths {
  return {
    root,
    layout: join(root, 'oci-layout'),
    index: join(root, 'index.json'),
    blobs: join(root, 'blobs', 'sha256'),
    layers: join(root, 'layers'),
    leases: join(root, 'leases'),
    ingest: join(root, 'ingest'),
    locks: join(root, 'locks'),
  };
}

export function blobPath(paths: LibraryPaths, digest: Digest): string {
  return join(paths.blobs, hexOf(digest));
}

export function layerPath(paths: LibraryPaths, diffId: Digest): string {
  return join(paths.layers, hexOf(diffId));
}

export function partialPath(paths: LibraryPaths, digest: Digest): string {
  return join(paths.ingest, `${hexOf(digest)}.partial`);
}
