import { FdWriter } from './fd-writer.ts';
import { neutralise } from '../text/neutralise.ts';
import type { Progress } from './progress.ts';

/** Where a command of ours writes: results to stdout, everything said beside them to stderr. */
export class Output {
  readonly #stdout = new FdWriter(1);
  readonly #stderr = new FdWriter(2);
  readonly #progress: Progress;
  readonly #isQuiet: boolean;

  constructor(options: { readonly progress: Progress; readonly isQuiet: boolean }) {
    this.#progress = options.progress;
    this.#isQuiet = options.isQuiet;
  }

  get isBusy(): boolean {
    return this.#stdout.isBusy || this.#stderr.isBusy;
  }

  /** A result as text; whoever calls has neutralised what is of others. */
  text(text: string): Promise<void> {
    this.#progress.clear();
    return this.#stdout.write(text);
  }

  /** A result as one line of JSON. */
  json(value: unknown): Promise<void> {
    return this.text(`${escapeControls(JSON.stringify(value))}\n`);
  }

  /** Bytes of a command in the sandbox, as they are. */
  bytes(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> {
    this.#progress.clear();
    return stream === 'stdout' ? this.#stdout.write(data) : this.#stderr.write(data);
  }

  /** Something to know besides the result; not said with --quiet. */
  async note(line: string): Promise<void> {
    if (!this.#isQuiet) await this.complain(line);
  }

  /** The same, also with --quiet. */
  async complain(line: string): Promise<void> {
    this.#progress.clear();
    // A stderr that is closed is no reason to stop.
    await this.#stderr.write(`${neutralise(line)}\n`).catch(() => undefined);
  }
}

/** JSON escapes what is below U+0020; what a terminal takes for controls above it is escaped here. */
function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
