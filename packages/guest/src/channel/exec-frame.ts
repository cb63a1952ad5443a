import {
  channelLimits,
  encodeFrame,
  encodeStrings,
  execFlags,
  SovereignError,
  type EncodedStrings,
} from '@sovereign/protocol';
import type { ResolvedExec } from '@sovereign/core';

const noBytes = new Uint8Array(0);

/** Encoded environments by the frozen array they were made from. */
const encodedEnvs = new WeakMap<readonly string[], EncodedStrings>();

/**
 * Encodes exec.start. An `env` that is frozen is encoded once and not again for each command.
 *
 * @throws SovereignError `argument.invalid` for a NUL, an empty command, a relative cwd or a number out of range;
 *   `argument.too-large` when it does not fit a frame.
 */
export function encodeExecStart(channel: number, exec: ResolvedExec, creditBytes: number): Uint8Array {
  if (exec.command === '') throw invalid('command', 'empty (a path or a name)');
  checkPath('cwd', exec.cwd);
  return encodeFrame('exec.start', channel, {
    session: exec.session ?? 0,
    flags: flagsOf(exec),
    timeoutMs: atLeastOne('timeoutMs', exec.timeoutMs),
    idleTimeoutMs: atLeastOne('idleTimeoutMs', exec.idleTimeoutMs),
    drainMs: exec.drainMs ?? channelLimits.defaultDrainMs,
    ringBytes: exec.ringBytes ?? channelLimits.defaultRingBytes,
    credit: exec.isDetached === true ? 0 : creditBytes,
    rows: exec.pty?.rows ?? 0,
    columns: exec.pty?.columns ?? 0,
    cwd: exec.cwd,
    argv: exec.args === undefined ? [exec.command] : [exec.command, ...exec.args],
    env: encodeEnv(exec.env),
    stdin: exec.stdin ?? noBytes,
    user: exec.user ?? '',
  });
}

function flagsOf(exec: ResolvedExec): number {
  let flags = 0;
  if (exec.pty !== undefined) flags |= execFlags.pty;
  if (exec.openStdin === true) flags |= execFlags.stdin;
  if (exec.isUntracked === true) flags |= execFlags.untracked;
  if (exec.isDetached === true) flags |= execFlags.detached;
  // By a flag: a shelld from before there were users refuses it, and runs nothing as root that was not meant to be.
  if (exec.user !== undefined) flags |= execFlags.user;
  return flags;
}

function encodeEnv(env: readonly string[]): readonly string[] | EncodedStrings {
  // Only what cannot change may be remembered by its identity.
  if (!Object.isFrozen(env)) return env;
  const known = encodedEnvs.get(env);
  if (known !== undefined) return known;
  const encoded = encodeStrings(env, 'env');
  encodedEnvs.set(env, encoded);
  return encoded;
}

function checkPath(name: string, path: string): void {
  if (!path.startsWith('/')) throw invalid(name, `${JSON.stringify(path.slice(0, 80))} (an absolute path)`);
  if (path.length > channelLimits.maxPathBytes) {
    throw new SovereignError({
      reason: 'argument.too-large',
      message: `${name} is too long: ${path.length} characters (at most ${channelLimits.maxPathBytes} bytes).`,
      hint: 'Use a shorter path.',
    });
  }
}

/** On the wire 0 means none; a caller who says 0 has made a mistake. */
function atLeastOne(name: string, value: number | undefined): number {
  if (value === 0) throw invalid(name, '0 (at least 1, or left out for none)');
  return value ?? 0;
}

function invalid(name: string, what: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${name} of exec cannot be used: ${what}.`,
    hint: `Correct ${name} and call again.`,
  });
}
