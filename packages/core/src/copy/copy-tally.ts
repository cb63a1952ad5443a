import type { ExecRequest } from '../contract/exec.ts';
import type { GuestFiles } from '../contract/files.ts';
import { throwIfCancelled } from '../runtime/to-sovereign-error.ts';

/** The part of a sandbox that a copy needs: its files, and `ln` for links. */
export interface CopySubject {
  readonly files: Pick<GuestFiles, 'read' | 'write' | 'stat' | 'list' | 'makeDirectory'>;
  exec(request: ExecRequest): Promise<{ readonly exitCode: number }>;
}

/** What a copy has done, and what it left out. */
export interface CopyResult {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  readonly bytes: number;
  /** The first 10,000 of what was left out. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly skippedCount: number;
}

export interface CopyOptions {
  /** Ends the copy; no half of a file is left. */
  readonly signal?: AbortSignal;
  /** Called as bytes pass. */
  readonly onProgress?: (soFar: Pick<CopyResult, 'files' | 'bytes'>) => void;
  /** Something is left out. */
  readonly onSkip?: (path: string, reason: string) => Promise<void> | void;
}

/** A guest can claim that there is no end to what has to be left out. */
const maxSkipped = 10_000;

/** Counts what a copy does. */
export class CopyTally implements CopyResult {
  files = 0;
  directories = 0;
  links = 0;
  bytes = 0;
  skippedCount = 0;
  readonly skipped: { readonly path: string; readonly reason: string }[] = [];
  readonly #options: CopyOptions;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  /** Counts bytes as they pass. Throws when the copy is to end, so that no half of a file is left. */
  async *counting(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      throwIfCancelled(this.#options.signal);
      this.bytes += chunk.length;
      this.#options.onProgress?.(this);
      yield chunk;
    }
  }

  async skip(path: string, reason: string): Promise<void> {
    this.skippedCount++;
    if (this.skipped.length < maxSkipped) this.skipped.push({ path, reason });
    await this.#options.onSkip?.(path, reason);
  }

  result(): CopyResult {
    const { files, directories, links, bytes, skipped, skippedCount } = this;
    return { files, directories, links, bytes, skipped, skippedCount };
  }
}
