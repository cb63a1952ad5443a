import type { ProcessInfo, Sandbox, SandboxProcess } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { OutputClosed } from '../output/fd-writer.ts';
import { processJson } from '../json/process-json.ts';
import { findProcess } from '../process/find-process.ts';
import { logWriter } from '../process/log-writer.ts';
import { processTable } from '../process/process-table.ts';
import { parseSize } from '../values/parse-size.ts';

/**
 * `sovereign logs`. JSON without a process: `{"sandbox","processes":[…]}`; with one, lines of
 * `{"stream","cursor","text"}` and at the end `{"process":{…}}`.
 */
export async function run(context: CommandContext): Promise<number> {
  const sandbox = await (await context.client()).connect(argument(context, 0));
  const [, wanted] = context.args;
  if (wanted === undefined) return listProcesses(sandbox, context);
  const info = await findProcess(sandbox, wanted);
  const tail = context.options.read('tail', parseSize);
  const from = (bytes: number): number => (tail === undefined ? 0 : Math.max(0, bytes - tail));
  const cursors = { stdout: from(info.stdoutBytes), stderr: from(info.stderrBytes) };
  const isFollowed = context.options.has('follow') || !info.isRunning;
  let exitCode = 0;
  if (isFollowed || cursors.stdout < info.stdoutBytes || cursors.stderr < info.stderrBytes) {
    const followed = await sandbox.attach(info.process, { cursors });
    await show(followed, info, context, isFollowed);
    if (context.options.has('follow')) exitCode = (await followed.exit).exitCode;
  }
  if (context.isJson) await context.output.json({ process: processJson(await findProcess(sandbox, wanted)) });
  return exitCode;
}

async function listProcesses(sandbox: Sandbox, { isJson, output }: CommandContext): Promise<number> {
  const processes = await sandbox.processes();
  if (isJson) await output.json({ sandbox: sandbox.id, processes: processes.map(processJson) });
  else await output.text(processTable(processes));
  return 0;
}

/** To the end, or to where the process stood when it was asked for. */
async function show(
  followed: SandboxProcess,
  info: ProcessInfo,
  context: CommandContext,
  isFollowed: boolean,
): Promise<void> {
  const write = logWriter(context);
  const missing = { stdout: info.stdoutBytes, stderr: info.stderrBytes };
  const isThere = { stdout: missing.stdout === 0, stderr: missing.stderr === 0 };
  try {
    for await (const chunk of followed) {
      await write(chunk);
      isThere[chunk.stream] ||= chunk.cursor >= missing[chunk.stream];
      if (!isFollowed && isThere.stdout && isThere.stderr) break;
    }
  } catch (error) {
    if (error instanceof OutputClosed) await followed.detach();
    throw error;
  }
  if (!isFollowed) await followed.detach();
}
