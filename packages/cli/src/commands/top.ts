import type { ProcessInfo } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { processJson } from '../json/process-json.ts';
import { liveView } from '../live/live-view.ts';
import { quoted } from '../process/process-table.ts';
import { formatDuration, formatSize } from '../text/format.ts';
import { table } from '../text/table.ts';

/** `sovereign top`. JSON: `{"sandbox","processes":[process]}`, those that run. */
export async function run(context: CommandContext): Promise<number> {
  const sandbox = await (await context.client()).connect(argument(context, 0));
  const look = async (): Promise<{
    readonly sandbox: string;
    readonly processes: readonly ProcessInfo[];
  }> => {
    const processes = (await sandbox.processes()).filter(({ isRunning }) => isRunning);
    return {
      sandbox: sandbox.id,
      processes: context.isJson ? processes.map(processJson) : processes,
    };
  };
  return liveView(context, look, ({ processes }) => {
    const now = Date.now();
    const rows = processes.map(({ process, pid, startedMs, stdoutBytes, stderrBytes, argv }) => [
      String(process),
      String(pid),
      formatDuration(Math.max(0, now - startedMs)),
      formatSize(stdoutBytes + stderrBytes),
      argv.map(quoted).join(' ').slice(0, 80),
    ]);
    return table(['PROCESS', 'PID', 'RUNS FOR', 'OUTPUT', 'COMMAND'], rows);
  });
}
