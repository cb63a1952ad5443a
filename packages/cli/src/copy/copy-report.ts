import type { CopyOptions, CopyResult } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { formatSize } from '../text/format.ts';

/** A copy of a system directory leaves hundreds of links out. */
const saidSkips = 10;

/** Tells a person of a copy while it goes on: how far it is, and what is left out. */
export class CopyReport {
  readonly options: CopyOptions;
  readonly #context: Pick<CommandContext, 'output' | 'progress' | 'isJson'>;
  #skips = 0;

  constructor(context: Pick<CommandContext, 'output' | 'progress' | 'isJson'>, signal: AbortSignal) {
    this.#context = context;
    this.options = {
      signal,
      onProgress: ({ files, bytes }) => {
        context.progress.detail = `${files} files, ${formatSize(bytes)}`;
      },
      onSkip: (path, reason) => this.#skip(path, reason),
    };
  }

  /** The first few are said at once, the others only by their number. */
  async end(result: CopyResult): Promise<void> {
    const unsaid = result.skippedCount - saidSkips;
    if (this.#context.isJson || unsaid <= 0) return;
    await this.#context.output.complain(`sovereign: left out ${unsaid} more (--json names them all).`);
  }

  async #skip(path: string, reason: string): Promise<void> {
    this.#skips++;
    if (this.#context.isJson || this.#skips > saidSkips) return;
    await this.#context.output.complain(`sovereign: left out ${path}: ${reason}.`);
  }
}
