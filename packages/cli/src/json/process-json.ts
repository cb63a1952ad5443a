import type { ProcessInfo } from '@sovereign/sdk';

/** A process as --json shows it. Plain data of the sdk; listed here, so that what is printed is decided here. */
export function processJson(info: ProcessInfo): ProcessInfo {
  const {
    process,
    session,
    pid,
    argv,
    isRunning,
    hasPty,
    startedMs,
    stdoutBytes,
    stderrBytes,
    exitCode,
    cause,
  } = info;
  return {
    process,
    session,
    pid,
    argv,
    isRunning,
    hasPty,
    startedMs,
    stdoutBytes,
    stderrBytes,
    exitCode,
    cause,
  };
}
