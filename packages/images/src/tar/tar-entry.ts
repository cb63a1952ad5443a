/** What an entry of an archive is. */
export type TarType =
  'file' | 'hardLink' | 'symlink' | 'characterDevice' | 'blockDevice' | 'directory' | 'fifo';

/** A piece of a sparse file that has data. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

/** Where the data of a sparse file belongs; everything between is a hole. */
export interface SparseMap {
  readonly realSize: number;
  readonly segments: readonly SparseSegment[];
}

/**
 * One entry of an archive. Text is bytes: each character is one byte (latin1), so that names which are no UTF-8 survive.
 */
export interface TarEntry {
  readonly name: string;
  readonly type: TarType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970; a fraction where the archive has one. */
  readonly mtime: number;
  /** Bytes of data that follow; for a sparse file only those that are no hole. */
  readonly size: number;
  readonly linkName: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly xattrs: ReadonlyMap<string, Buffer>;
  readonly sparse: SparseMap | undefined;
}

export const tarBlockBytes = 512;

/** Bytes that fill up the last block. */
export function paddingOf(size: number): number {
  return (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes;
}
