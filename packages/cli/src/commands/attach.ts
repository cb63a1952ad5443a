import type { OutputChunk, SandboxProcess } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { untilDetached } from '../process/detach-keys.ts';
import { findProcess } from '../process/find-process.ts';
import { passOutput } from '../process/follow-process.ts';
import { jsonChunks } from '../process/log-writer.ts';
import { Interruption } from '../process/interruption.ts';
import { stdinSource } from '../process/stdin-source.ts';
import { enterRawMode, followSize, isTerminal, terminalSize } from '../process/terminal.ts';

/**
 * `sovereign attach`: follows a process and feeds it; leaving it lets it run on. JSON: lines of `{"stream","cursor","text"}`.
 */
export async function run(context: CommandContext): Promise<number> {
  const sandbox = await (await context.client()).connect(argument(context, 0));
  const info = await findProcess(sandbox, argument(context, 1));
  const started = await sandbox.attach(info.process);
  const interruption = new Interruption();
  let leave: () => void = () => undefined;
  const left = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined);
  });
  interruption.onInterrupt = leave;
  interruption.signal.addEventListener('abort', leave);
  const undo = info.hasPty && !context.isJson && isTerminal() ? [enterRawMode(), followSize(started)] : [];
  if (undo.length > 0) await started.resize(terminalSize()).catch(() => undefined);
  const stdin = stdinSource({ isInteractive: true });
  if (stdin !== undefined && info.isRunning) void feed(started, untilDetached(stdin, leave));
  try {
    const status = await Promise.race([passOutput(started, attachWriter(context), 'leave'), left]);
    if (status !== undefined) return status.exitCode;
    await started.detach();
    await context.output.note(`sovereign: left process ${info.process}; it runs on.`);
    return interruption.exitCode ?? 0;
  } finally {
    for (const one of undo) one();
    interruption.close();
  }
}

/** Taking part means that its escapes are obeyed: it is the terminal of the one who attached. */
function attachWriter(context: CommandContext): (chunk: OutputChunk) => Promise<void> {
  if (context.isJson) return jsonChunks(context);
  return ({ stream, data }) => context.output.bytes(stream, data);
}

/** A process that takes no stdin, or no more, is followed all the same. */
async function feed(started: SandboxProcess, source: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of source) await started.write(chunk);
    await started.endStdin();
  } catch {
    // It has ended, or was started without stdin.
  }
}
