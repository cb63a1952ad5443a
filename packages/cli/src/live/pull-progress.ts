import type { ImageProgress } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { formatSize } from '../text/format.ts';
import { neutralise } from '../text/neutralise.ts';

/** Tells a person how far a pull, load or build is. */
export class PullProgress {
  readonly #context: Pick<CommandContext, 'progress' | 'output' | 'isJson'>;
  readonly #layers = new Map<string, { readonly bytes: number; readonly totalBytes: number }>();
  #present = 0;

  constructor(context: Pick<CommandContext, 'progress' | 'output' | 'isJson'>) {
    this.#context = context;
  }

  readonly take = (progress: ImageProgress): void => {
    switch (progress.kind) {
      case 'resolving':
        this.#say('asking the registry');
        break;
      case 'downloading':
        this.#layers.set(progress.layer, progress);
        this.#say(this.#downloads());
        break;
      case 'present':
        this.#present++;
        this.#say(this.#downloads());
        break;
      case 'unpacking':
        this.#say('unpacking');
        break;
      case 'log':
        if (!this.#context.isJson) void this.#context.output.note(neutralise(progress.text));
        break;
      case 'done':
        this.#say('');
    }
  };

  #downloads(): string {
    let [bytes, totalBytes, whole] = [0, 0, 0];
    for (const layer of this.#layers.values()) {
      bytes += layer.bytes;
      totalBytes += layer.totalBytes;
      if (layer.bytes >= layer.totalBytes) whole++;
    }
    const layers = `${whole + this.#present} of ${this.#layers.size + this.#present} layers`;
    return `${layers}, ${formatSize(bytes)} of ${formatSize(totalBytes)}`;
  }

  #say(detail: string): void {
    this.#context.progress.detail = detail;
  }
}
