/** Lines of a build that are kept for an error. */
const keptLines = 20;
const maxLineLength = 2_000;

/**
 * Cuts what a builder prints into lines, without what would steer a terminal, and knows which step it was at
 * (`STEP 3/5: RUN …`).
 */
export class BuildOutput {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #pending = '';
  #last: string[] = [];
  #step: { readonly number: number; readonly of: number; readonly text: string } | undefined;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  get step(): { readonly number: number; readonly of: number; readonly text: string } | undefined {
    return this.#step;
  }

  /** The last lines, without those that only name a step. */
  get tail(): string {
    return this.#last.filter((line) => !line.startsWith('STEP ')).join('\n');
  }

  add(bytes: Uint8Array): void {
    const lines = (this.#pending + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#pending = (lines.pop() ?? '').slice(-maxLineLength);
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#pending !== '') this.#line(this.#pending);
    this.#pending = '';
  }

  #line(raw: string): void {
    // SAFETY: a Dockerfile prints what it likes; no control character of it reaches a terminal. build-output.test.ts.
    const line = raw.slice(0, maxLineLength).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
    const step = /^(?:\[\d+\/\d+\] )?STEP (\d{1,6})\/(\d{1,6}): (.*)$/.exec(line);
    if (step !== null) this.#step = { number: Number(step[1]), of: Number(step[2]), text: step[3] ?? '' };
    this.#last = [...this.#last, line].slice(-keptLines);
    this.#onLine(line);
  }
}
