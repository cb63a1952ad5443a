import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { formatDuration } from '../text/format.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** What is done sooner needs no sign that it is being done. */
const showAfterMs = 1_000;
const frameMs = 100;

/** One line on stderr that says what is being done, shown when it takes over a second and somebody is looking. */
export class Progress {
  readonly #isQuiet: boolean;
  #timer: NodeJS.Timeout | undefined;
  #isShown = false;
  /** Added to the line: `12 MiB` for instance. */
  detail = '';

  constructor(options: { readonly isQuiet: boolean }) {
    this.#isQuiet = options.isQuiet;
  }

  async during<T>(what: string, work: Promise<T>): Promise<T> {
    this.#begin(what);
    try {
      return await work;
    } finally {
      this.end();
    }
  }

  /** Takes the line away, before something else is written. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    draw('\r\x1b[K');
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.detail = '';
    this.clear();
  }

  #begin(what: string): void {
    if (this.#isQuiet) return;
    const startedAt = performance.now();
    let frame = 0;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAt;
      if (elapsedMs < showAfterMs) return;
      if (frame === 0 && !isatty(2)) return clearInterval(this.#timer);
      this.#isShown = true;
      const sign = frames[frame++ % frames.length] ?? '';
      draw(
        `\r\x1b[K${sign} ${what} … ${formatDuration(elapsedMs)}${this.detail === '' ? '' : ` · ${this.detail}`}`,
      );
    }, frameMs);
    this.#timer.unref();
  }
}

function draw(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody looks any more, or the terminal is behind: the next frame comes anyway.
  }
}
