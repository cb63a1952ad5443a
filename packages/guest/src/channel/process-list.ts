import { channelLimits, decodeFrame, execFlags, type FrameName } from '@sovereign/protocol';
import type { ProcessInfo } from '@sovereign/core';
import { protocolViolation } from './channel-errors.ts';
import { readCause, shellExitCode } from './exit-status.ts';

/** Takes `exec.listed` frames into a list, up to as many processes as a guest keeps. */
export function collectProcesses(infos: ProcessInfo[]): (name: FrameName, payload: Uint8Array) => boolean {
  return (name, payload) => {
    if (name !== 'exec.listed') return false;
    if (infos.length >= channelLimits.maxProcesses)
      throw protocolViolation(`more than ${channelLimits.maxProcesses} processes`);
    infos.push(readProcessInfo(payload));
    return true;
  };
}

/** @throws SovereignError `channel.protocol` */
function readProcessInfo(payload: Uint8Array): ProcessInfo {
  const listed = decodeFrame('exec.listed', payload);
  const isRunning = listed.running !== 0;
  const cause = isRunning ? null : readCause(listed);
  return {
    process: listed.process,
    session: listed.session,
    pid: listed.pid,
    argv: listed.argv,
    isRunning,
    hasPty: (listed.flags & execFlags.pty) !== 0,
    startedMs: listed.startedMs,
    stdoutBytes: listed.stdoutBytes,
    stderrBytes: listed.stderrBytes,
    exitCode: cause === null ? null : shellExitCode(cause, listed.code, listed.signal),
    cause,
  };
}
