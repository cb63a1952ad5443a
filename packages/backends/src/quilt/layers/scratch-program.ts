import type { GuestChannel } from '@sovereign/core';
import { shelldInside } from './scratch-output.ts';

export interface ScratchProgram {
  /** Words after `shelld`. */
  readonly args: readonly string[];
  /** Default: empty. */
  readonly stdin?: Iterable<Uint8Array>;
  /** Hears of stdout as it comes. */
  readonly onOutput: (data: Uint8Array) => void;
}

export interface ScratchEnd {
  readonly exitCode: number;
  /** What it said on stderr, the first 4 KiB or so. */
  readonly complaints: string;
}

const maxComplaints = 4_096;

/** Runs a command of shelld in a scratch guest that is up. How it ended is data. */
export async function runInScratch(channel: GuestChannel, program: ScratchProgram): Promise<ScratchEnd> {
  let complaints = '';
  const running = channel.exec(
    { command: shelldInside, args: program.args, cwd: '/', env: [], openStdin: true },
    (stream, data) => {
      if (stream === 'stdout') program.onOutput(data);
      else if (complaints.length < maxComplaints) complaints += Buffer.from(data).toString('utf8');
    },
  );
  await running.started;
  for (const piece of program.stdin ?? []) {
    const isTaken = await running.write(piece).then(
      () => true,
      () => false,
    );
    // One that has ended says why by its exit.
    if (!isTaken) break;
  }
  await running.endStdin().catch(() => undefined);
  const { exitCode } = await running.exit;
  return { exitCode, complaints };
}
