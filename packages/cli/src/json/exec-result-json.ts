import type { ExecResult } from '@sovereign/sdk';

/** How a command ended and what is kept of its output, as --json shows it. */
export interface ExecResultJson {
  readonly exitCode: number;
  readonly signal: string | null;
  readonly cause: string;
  /** UTF-8, with a marker where bytes were dropped. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly stdoutDropped: number;
  readonly stderrDropped: number;
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssKib: number;
}

export function execResultJson(result: ExecResult): ExecResultJson {
  const { exitCode, signal, cause, stdoutBytes, stderrBytes, stdoutDropped, stderrDropped } = result;
  const { wallMs, userMs, systemMs, maxRssKib } = result;
  return {
    exitCode,
    signal,
    cause,
    stdout: result.stdoutText,
    stderr: result.stderrText,
    stdoutBytes,
    stderrBytes,
    stdoutDropped,
    stderrDropped,
    wallMs,
    userMs,
    systemMs,
    maxRssKib,
  };
}
