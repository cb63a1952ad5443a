import { isatty } from 'node:tty';
import type { SandboxProcess, TerminalSize } from '@sovereign/sdk';

const fallback: TerminalSize = { rows: 24, columns: 80 };

/** Whether both ends of a conversation are a person's terminal. */
export function isTerminal(): boolean {
  return isatty(0) && isatty(1);
}

/** Size of the terminal that stdout is, else the usual one. */
export function terminalSize(): TerminalSize {
  if (!isatty(1)) return fallback;
  const { rows, columns } = process.stdout;
  // A terminal that nobody has told its size says 0.
  return rows > 0 && columns > 0 ? { rows, columns } : fallback;
}

/** Keys go to the process as they are pressed, until the function returned is called. */
export function enterRawMode(): () => void {
  if (!isatty(0)) return () => undefined;
  const restore = (): void => {
    process.off('exit', restore);
    process.stdin.setRawMode(false);
  };
  process.stdin.setRawMode(true);
  // However this process leaves, the terminal is as it was.
  process.on('exit', restore);
  return restore;
}

/** The process's terminal has the size of ours, also when that changes, until the function returned is called. */
export function followSize(started: Pick<SandboxProcess, 'resize'>): () => void {
  if (!isatty(1)) return () => undefined;
  const resize = (): void => {
    // A process that has ended meanwhile has no size.
    started.resize(terminalSize()).catch(() => undefined);
  };
  process.stdout.on('resize', resize);
  return () => process.stdout.off('resize', resize);
}
