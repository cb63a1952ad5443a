import type { FileChange, FileInfo, ListPage, SandboxFiles, WriteOptions } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

/** Largest file that is read into memory at once unless the caller allows more. */
const defaultMaxBytes = 64 * 1024 * 1024;

/** Files of a sandbox. A relative path is meant from its workspace. Errors: the `file.*` reasons. */
export class Files {
  readonly #files: SandboxFiles;

  constructor(files: SandboxFiles) {
    this.#files = files;
  }

  /**
   * Reads a whole file.
   *
   * @throws SovereignError `argument.too-large` when it exceeds `maxBytes` (default 64 MiB): use `stream` then.
   */
  async read(path: string, options: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    const limit = options.maxBytes ?? defaultMaxBytes;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of this.#files.read(path)) {
      bytes += chunk.byteLength;
      if (bytes > limit) throw tooLarge(path, limit);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** Reads a whole file as UTF-8. */
  async readText(path: string, options: { readonly maxBytes?: number } = {}): Promise<string> {
    return new TextDecoder().decode(await this.read(path, options));
  }

  /** Streams a file, or a range of it. */
  stream(
    path: string,
    range: { readonly offset?: number; readonly length?: number } = {},
  ): AsyncIterable<Uint8Array> {
    return this.#files.read(path, range);
  }

  /** Writes a file; a string is UTF-8. The old content stays until all of the new has arrived. */
  write(
    path: string,
    content: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<FileInfo> {
    return this.#files.write(path, typeof content === 'string' ? Buffer.from(content) : content, options);
  }

  stat(path: string, options: { readonly noFollow?: boolean } = {}): Promise<FileInfo> {
    return this.#files.stat(path, options);
  }

  /** Whether anything has that path. */
  async exists(path: string): Promise<boolean> {
    try {
      await this.#files.stat(path, { noFollow: true });
      return true;
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'file.not-found') return false;
      throw error;
    }
  }

  list(path: string, page: { readonly offset?: number; readonly limit?: number } = {}): Promise<ListPage> {
    return this.#files.list(path, page);
  }

  makeDirectory(
    path: string,
    options: { readonly mode?: number; readonly makeParents?: boolean } = {},
  ): Promise<void> {
    return this.#files.makeDirectory(path, options);
  }

  rename(from: string, to: string, options: { readonly isExclusive?: boolean } = {}): Promise<void> {
    return this.#files.rename(from, to, options);
  }

  remove(
    path: string,
    options: { readonly isRecursive?: boolean } = {},
  ): Promise<{ readonly removed: number }> {
    return this.#files.remove(path, options);
  }

  watch(path: string, signal?: AbortSignal): Promise<AsyncIterable<FileChange>> {
    return this.#files.watch(path, signal);
  }
}

function tooLarge(path: string, limit: number): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `The file is larger than asked for: ${path} (at most ${limit} bytes).`,
    hint: 'Raise maxBytes, or read it with `files.stream`.',
    context: { path, maxBytes: limit },
  });
}
