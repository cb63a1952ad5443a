import { isatty } from 'node:tty';
import type { CommandContext } from '../command-context.ts';
import { Interruption } from '../process/interruption.ts';
import { parseDuration } from '../values/parse-duration.ts';

const defaultIntervalMs = 2_000;
const minIntervalMs = 200;

/**
 * Shows something again and again on a terminal until a signal, or once elsewhere and with --once or --json. `look` gets
 * what the time before had seen.
 */
export async function liveView<T>(
  context: CommandContext,
  look: (before: T | undefined) => Promise<T>,
  show: (seen: T) => string,
): Promise<number> {
  const intervalMs = Math.max(
    minIntervalMs,
    context.options.read('interval', parseDuration) ?? defaultIntervalMs,
  );
  if (context.isJson || context.options.has('once') || !isatty(1)) {
    const seen = await look(undefined);
    if (context.isJson) await context.output.json(seen);
    else await context.output.text(show(seen));
    return 0;
  }
  const interruption = new Interruption();
  let before: T | undefined;
  try {
    while (!interruption.signal.aborted) {
      before = await look(before);
      // Home, and what is left of the time before below it is cleared.
      await context.output.text(`\x1b[H\x1b[J${show(before)}`);
      await passed(intervalMs, interruption.signal);
    }
    return 0;
  } finally {
    interruption.close();
  }
}

/** Time that passes between two looks, cut short by the signal. */
function passed(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
