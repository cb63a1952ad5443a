import type { ExitStatus, SpawnRequest } from '@sovereign/sdk';
import { formatDuration } from '../text/format.ts';

/** What a person should be told of how a command ended, besides its exit code; undefined for an ordinary end. */
export function endNote(request: SpawnRequest, { cause }: Pick<ExitStatus, 'cause'>): string | undefined {
  const { command, cwd, timeoutMs = 0, idleTimeoutMs = 0 } = request;
  switch (cause) {
    case 'exited':
    case 'signalled':
      return undefined;
    case 'timeout':
      return `${command} was killed after ${formatDuration(timeoutMs)} (--timeout).`;
    case 'idleTimeout':
      return `${command} was killed after ${formatDuration(idleTimeoutMs)} without output (--idle-timeout).`;
    case 'killed':
      return `${command} was killed.`;
    case 'notFound':
      return `${command}: not found in the sandbox (searched in its PATH).`;
    case 'notExecutable':
      return `${command}: cannot be executed in the sandbox.`;
    case 'badDirectory':
      return `${cwd ?? 'the working directory'}: not a directory in the sandbox (--cwd).`;
    case 'spawnFailed':
      return `${command} could not be started in the sandbox.`;
    case 'lost':
      return `${command} was lost: how it ended is not known.`;
  }
}
