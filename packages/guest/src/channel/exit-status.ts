import { exitCauses, signalName, type FrameFields } from '@sovereign/protocol';
import type { ExitStatus } from '@sovereign/core';
import { protocolViolation } from './channel-errors.ts';

type Cause = ExitStatus['cause'];

const causeByNumber: ReadonlyMap<number, Cause> = new Map(
  Object.entries(exitCauses).map(([cause, number]) => [number, cause as keyof typeof exitCauses]),
);

/** Highest signal number of Linux (signal(7), SIGRTMAX). */
const maxSignal = 64;

/**
 * The exit code that a shell (POSIX XCU 2.8.2, GNU timeout(1)) would report for how a process ended:
 *
 * | cause | exit code |
 * | --- | --- |
 * | exited | its own, 0–255 |
 * | signalled | 128 + signal |
 * | timeout, idleTimeout | 124 |
 * | killed | 137, as after SIGKILL |
 * | notFound | 127 |
 * | notExecutable, badDirectory, spawnFailed | 126 |
 * | lost | 255: shelld cannot say |
 */
export function shellExitCode(cause: Cause, code: number, signal: number): number {
  switch (cause) {
    case 'exited':
      return code;
    case 'signalled':
      return 128 + signal;
    case 'timeout':
    case 'idleTimeout':
      return 124;
    case 'killed':
      return 137;
    case 'notFound':
      return 127;
    case 'notExecutable':
    case 'badDirectory':
    case 'spawnFailed':
      return 126;
    case 'lost':
      return 255;
  }
}

/** @throws SovereignError `channel.protocol` for a cause, code or signal that does not exist. */
export function readCause(fields: {
  readonly cause: number;
  readonly code: number;
  readonly signal: number;
}): Cause {
  const cause = causeByNumber.get(fields.cause);
  if (cause === undefined) throw protocolViolation(`unknown cause of an exit: ${fields.cause}`);
  if (cause === 'exited' && (fields.code < 0 || fields.code > 255))
    throw protocolViolation(`exit code ${fields.code}`);
  if (fields.signal > maxSignal || (cause === 'signalled' && fields.signal === 0))
    throw protocolViolation(`signal ${fields.signal}`);
  return cause;
}

/** @throws SovereignError `channel.protocol` for an end that cannot be. */
export function readExitStatus(fields: FrameFields<'exec.exited'>): ExitStatus {
  const cause = readCause(fields);
  return {
    exitCode: shellExitCode(cause, fields.code, fields.signal),
    signal: fields.signal === 0 ? null : signalName(fields.signal),
    cause,
    stdoutBytes: fields.stdoutBytes,
    stderrBytes: fields.stderrBytes,
    wallMs: fields.wallUs / 1_000,
    userMs: fields.userUs / 1_000,
    systemMs: fields.systemUs / 1_000,
    maxRssKib: fields.maxRssKib,
  };
}
