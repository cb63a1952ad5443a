import { SovereignError } from '@sovereign/protocol';
import { firstLines, guestPaths } from '@sovereign/guest';
import { openScratchGuest, type ScratchOptions } from '../scratch-guest.ts';

/** What is run in a scratch guest for what it prints. */
export interface ScratchCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** For the message of a failure: `listed`, `packed` … */
  readonly what: string;
}

/** shelld as it stands inside. */
export const shelldInside: string = guestPaths.shelld;

/**
 * Runs a program in a scratch guest of its own and yields what it prints as it comes. The guest ends with it, and when
 * the reader stops.
 *
 * @throws SovereignError `engine.failed` with what the program complained of
 */
export async function* scratchOutput(
  options: ScratchOptions,
  run: ScratchCommand,
): AsyncIterable<Uint8Array> {
  const guest = await openScratchGuest(options);
  try {
    const process = guest.channel.exec({
      command: run.command,
      args: run.args,
      cwd: '/',
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C'],
    });
    let complaints = '';
    for await (const { stream, data } of process) {
      if (stream === 'stdout') yield data.slice();
      else if (complaints.length < 4_096) complaints += Buffer.from(data).toString('utf8');
    }
    const exit = await process.exit;
    if (exit.exitCode !== 0) throw scratchFailed(run, exit.exitCode, complaints);
  } finally {
    await guest.close();
  }
}

function scratchFailed(run: ScratchCommand, exitCode: number, complaints: string): SovereignError {
  return new SovereignError({
    reason: 'engine.failed',
    message: `The layer of a sandbox could not be ${run.what}: ${run.command} ended with ${exitCode}: ${firstLines(complaints)}`,
    hint: 'Is the disk full? `sovereign doctor` shows what this host lacks.',
    context: { exitCode },
  });
}
