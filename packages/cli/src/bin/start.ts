import { writeSync } from 'node:fs';
import type * as Main from '../main.ts';
import type { Chunks } from './chunks.ts';
import { version } from './version.ts';

/** Where the bundler has put everything else. */
const mainModule = 'chunk:cli:packages/cli/src/main.ts';

/** Does what the words of the command line ask for, and leaves. `--version` opens no chunk. */
export function start(chunks: Chunks): void {
  const words = process.argv.slice(2);
  if (words.length === 1 && ['--version', '-v', 'version'].includes(words[0] ?? '') && printVersion()) return;
  const { main } = chunks.module(mainModule) as typeof Main;
  void main(words).then(({ exitCode, isBlocked }) => leave(exitCode, isBlocked));
}

/** Signals by the exit code that a shell shows for them. */
const signals: Readonly<Record<number, NodeJS.Signals>> = { 129: 'SIGHUP', 130: 'SIGINT', 143: 'SIGTERM' };

/**
 * Everything is done and written. What still hangs, stdin first of all, is left; where a reader of our output has stalled, Node
 * would wait for it, and the kernel does not.
 */
function leave(exitCode: number, isBlocked: boolean): void {
  if (isBlocked) process.kill(process.pid, signals[exitCode] ?? 'SIGKILL');
  else process.exit(exitCode);
}

function printVersion(): boolean {
  try {
    writeSync(1, `sovereign ${version}\n`);
    return true;
  } catch {
    return false;
  }
}
