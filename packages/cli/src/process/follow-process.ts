import type { ExitStatus, OutputChunk, SandboxProcess, SpawnRequest } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { OutputClosed } from '../output/fd-writer.ts';
import type { Interruption } from './interruption.ts';
import { endNote } from './end-note.ts';
import { enterRawMode, followSize } from './terminal.ts';

/**
 * Passes the output of a process on until it has ended, at the pace of whoever reads it.
 *
 * @throws OutputClosed when that one has gone; the process is killed then, or left to run on.
 */
export async function passOutput(
  started: SandboxProcess,
  write: (chunk: OutputChunk) => Promise<void>,
  whenClosed: 'kill' | 'leave' = 'kill',
): Promise<ExitStatus> {
  for await (const chunk of started) {
    try {
      await write(chunk);
    } catch (error) {
      if (error instanceof OutputClosed) {
        await (whenClosed === 'kill' ? started.kill() : started.detach()).catch(() => undefined);
      }
      throw error;
    }
  }
  return started.exit;
}

/** Follows a process that was started for this call: its output, our signals, our terminal. Resolves with its exit code. */
export async function followProcess(
  started: SandboxProcess,
  request: SpawnRequest,
  context: Pick<CommandContext, 'output'>,
  interruption: Interruption,
): Promise<number> {
  const undo = request.pty === undefined ? [] : [enterRawMode(), followSize(started)];
  interruption.onInterrupt = () => {
    // As Ctrl-C on a terminal would: everything in the foreground gets it.
    started.signal('SIGINT', 'group').catch(() => interruption.abort());
  };
  try {
    // A reader that has stalled must not keep an end from being one.
    const write = ({ stream, data }: OutputChunk): Promise<void> => context.output.bytes(stream, data);
    const status = await Promise.race([passOutput(started, write), aborted(interruption.signal)]);
    if (status === undefined) return interruption.exitCode ?? 1;
    const note = endNote(request, status);
    if (note !== undefined) await context.output.complain(`sovereign: ${note}`);
    return status.exitCode;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.onInterrupt = undefined;
    for (const one of undo) one();
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
