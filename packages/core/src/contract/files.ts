/** One file as the guest sees it. */
export interface FileInfo {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  /** Unix time in milliseconds. */
  readonly modifiedMs: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** Where a link points. */
  readonly target: string | null;
}

export interface FileChange {
  readonly kind:
    'created' | 'modified' | 'removed' | 'renamedFrom' | 'renamedTo' | 'attributes' | 'overflow' | 'gone';
  /** Name within the watched directory, empty for the watched path itself. */
  readonly name: string;
}

export interface WriteOptions {
  /** Permission bits. Default: those of the file that is replaced, else 0644. */
  readonly mode?: number;
  /** Refuse to replace an existing file. Default false. */
  readonly isExclusive?: boolean;
  /** Make missing parent directories. Default false. */
  readonly makeParents?: boolean;
  /** Add to the end instead; not atomic. Default false. */
  readonly isAppend?: boolean;
}

export interface ListPage {
  readonly entries: readonly FileInfo[];
  /** Entries of the whole directory. */
  readonly total: number;
}

/**
 * Files of a guest. Paths are absolute inside the guest; all of it runs in shelld, jailed to the guest's roots by
 * openat2(2), so that no path names anything of the host. Errors: the `file.*` reasons.
 */
export interface GuestFiles {
  /** Streams a regular file. */
  read(
    path: string,
    range?: { readonly offset?: number; readonly length?: number },
  ): AsyncIterable<Uint8Array>;
  /** Replaces a file at once when all content has arrived; until then, and on any failure, the old one stays. */
  write(
    path: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<FileInfo>;
  stat(path: string, options?: { readonly noFollow?: boolean }): Promise<FileInfo>;
  /** Entries sorted by name. Default: from 0, at most 1,000 (never more than 10,000). */
  list(path: string, page?: { readonly offset?: number; readonly limit?: number }): Promise<ListPage>;
  makeDirectory(
    path: string,
    options?: { readonly mode?: number; readonly makeParents?: boolean },
  ): Promise<void>;
  rename(from: string, to: string, options?: { readonly isExclusive?: boolean }): Promise<void>;
  remove(path: string, options?: { readonly isRecursive?: boolean }): Promise<{ readonly removed: number }>;
  /** Changes of one directory or file from the moment the promise resolves; ends when `signal` aborts or the consumer returns. */
  watch(path: string, signal?: AbortSignal): Promise<AsyncIterable<FileChange>>;
}
