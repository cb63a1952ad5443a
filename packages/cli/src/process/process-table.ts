import type { ProcessInfo } from '@sovereign/sdk';
import { formatSize } from '../text/format.ts';
import { table } from '../text/table.ts';

const maxCommandChars = 80;

/** Processes of a sandbox for people. What they are called is theirs: the table neutralises it. */
export function processTable(processes: readonly ProcessInfo[]): string {
  const rows = processes.map(
    ({ process, argv, isRunning, hasPty, stdoutBytes, stderrBytes, exitCode, cause }) => [
      String(process),
      isRunning ? 'running' : `${cause ?? 'ended'} (${exitCode ?? '?'})`,
      hasPty ? 'yes' : '',
      formatSize(stdoutBytes),
      formatSize(stderrBytes),
      shortened(argv.map(quoted).join(' ')),
    ],
  );
  return table(['PROCESS', 'STATE', 'TTY', 'STDOUT', 'STDERR', 'COMMAND'], rows);
}

function shortened(text: string): string {
  return text.length > maxCommandChars ? `${text.slice(0, maxCommandChars - 1)}…` : text;
}

/** As it could be typed into a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
