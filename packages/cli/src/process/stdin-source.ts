import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Our stdin for a command: undefined when there is nothing to pass on. A terminal is only passed on when asked for, so that
 * a command that runs in the background does not take what is typed.
 */
export function stdinSource(options: {
  readonly isInteractive: boolean;
}): AsyncIterable<Uint8Array> | undefined {
  if (isEmpty() || (!options.isInteractive && isatty(0))) return undefined;
  return { [Symbol.asyncIterator]: () => readStdin() };
}

/** `/dev/null`, an empty file, a descriptor that is closed: known without opening a stream. */
function isEmpty(): boolean {
  try {
    const found = fstatSync(0);
    if (found.isCharacterDevice()) return found.rdev === nullDevice && process.platform === 'linux';
    return found.isFile() && found.size === 0;
  } catch {
    return true;
  }
}

/** Major 1, minor 3 (null(4)). */
const nullDevice = 0x103;

async function* readStdin(): AsyncGenerator<Uint8Array> {
  for await (const chunk of process.stdin)
    yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
}
