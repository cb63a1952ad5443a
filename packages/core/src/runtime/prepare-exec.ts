import { posix } from 'node:path';
import { channelLimits, SovereignError } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import type { ExecRequest, StdinSource } from '../contract/exec.ts';
import type { ResolvedExec } from '../contract/guest-channel.ts';
import {
  checkNonEmpty,
  checkObject,
  checkString,
  checkTimeout,
  checkWhole,
  invalid,
  tooLarge,
} from './argument-checks.ts';
import { checkUser } from './check-user.ts';
import { checkEnv, type Environment } from './environment.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { recordedArgv } from './recorded-argv.ts';

/** A command that is followed or left by whoever starts it. */
export interface SpawnRequest extends ExecRequest {
  /** stdin stays open for `write` after what `stdin` gives. Default false. */
  readonly openStdin?: boolean;
  /** Nobody follows the output: it goes to the ring and the newest is kept there. Default false. */
  readonly isDetached?: boolean;
}

/** A command ready to be sent, and what the ledger says of it. */
export interface PreparedExec {
  readonly exec: ResolvedExec;
  readonly action: Action;
  /** stdin that is sent while the command runs. */
  readonly source: AsyncIterable<Uint8Array> | undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What a frame takes besides stdin; longer command lines are refused with a clear message. */
const maxCommandChars = 900_000;
const u32 = 0xffff_ffff;
const noArgs: readonly string[] = [];

/** Checks a request and resolves what it leaves open. @throws SovereignError `argument.*`, `capability.missing` */
export function prepareExec(live: LiveSandbox, request: SpawnRequest): PreparedExec {
  checkRequest(request);
  if (request.pty !== undefined && !live.capabilities.hasPty) throw noPty(live.report.type);
  const session = request.session === undefined ? undefined : live.sessions.get(request.session);
  const base = session?.env ?? live.env;
  const home = session?.cwd ?? live.workspacePath;
  const isTermMissing = request.pty !== undefined && !base.has('TERM') && request.env?.['TERM'] === undefined;
  let env = base;
  if (isTermMissing) env = env.with({ TERM: 'xterm-256color' });
  const user = request.isGuestOwn === true ? undefined : (request.user ?? live.user);
  if (user !== undefined) env = withoutDefaultHome(live, env);
  if (request.env !== undefined) env = env.with(request.env);
  const exec: Mutable<ResolvedExec> = {
    command: request.command,
    cwd: resolvePath(home, request.cwd),
    env: env.list,
  };
  if (user !== undefined) exec.user = user;
  if (request.args !== undefined) exec.args = request.args;
  if (request.timeoutMs !== undefined) exec.timeoutMs = request.timeoutMs;
  if (request.idleTimeoutMs !== undefined) exec.idleTimeoutMs = request.idleTimeoutMs;
  if (request.drainMs !== undefined) exec.drainMs = request.drainMs;
  if (request.ringBytes !== undefined) exec.ringBytes = request.ringBytes;
  if (request.pty !== undefined) exec.pty = request.pty;
  if (request.session !== undefined) exec.session = request.session;
  if (request.isDetached === true) exec.isDetached = true;
  if (request.openStdin === true) exec.openStdin = true;
  const { source, bytes } = applyStdin(exec, request.stdin);
  return {
    exec,
    source,
    action: {
      kind: 'exec.start',
      sandbox: live.id,
      argv: recordedArgv(request.command, request.args ?? noArgs),
      cwd: exec.cwd,
      envNames: request.env === undefined ? noArgs : Object.keys(request.env),
      stdinBytes: bytes,
      timeoutMs: request.timeoutMs ?? 0,
      idleTimeoutMs: request.idleTimeoutMs ?? 0,
      hasPty: request.pty !== undefined,
      session: request.session ?? 0,
      ...(user !== undefined && { user }),
    },
  };
}

/** So that shelld, which knows the user, says what its home is. */
function withoutDefaultHome({ guest }: LiveSandbox, env: Environment): Environment {
  if (guest.isHomeDefault !== true || guest.spec.env['HOME'] !== undefined) return env;
  return env.get('HOME') === guest.baseEnv['HOME'] ? env.with({ HOME: undefined }) : env;
}

/** A path inside the guest; a relative one is meant from `base`. */
export function resolvePath(base: string, path: string | undefined): string {
  if (path === undefined) return base;
  return path.startsWith('/') ? path : posix.resolve(base, path);
}

function checkRequest(request: SpawnRequest): void {
  checkObject('request', request);
  checkNonEmpty('command', request.command);
  let chars = request.command.length;
  if (request.args !== undefined) {
    if (!Array.isArray(request.args)) throw invalid('args', request.args, 'a list of strings');
    if (request.args.length >= channelLimits.maxListEntries)
      throw tooLarge('args', `${request.args.length} of them`, `fewer than ${channelLimits.maxListEntries}`);
    for (const arg of request.args) {
      checkString('args', arg);
      chars += arg.length;
    }
  }
  if (chars > maxCommandChars) throw tooLarge('args', `${chars} characters`, `at most ${maxCommandChars}`);
  if (request.user !== undefined) checkUser(request.user);
  if (request.cwd !== undefined) checkNonEmpty('cwd', request.cwd);
  if (request.env !== undefined) checkEnv(request.env);
  checkTimeout('timeoutMs', request.timeoutMs);
  checkTimeout('idleTimeoutMs', request.idleTimeoutMs);
  if (request.drainMs !== undefined) checkWhole('drainMs', request.drainMs, { min: 0, max: u32 });
  if (request.ringBytes !== undefined)
    checkWhole('ringBytes', request.ringBytes, {
      min: channelLimits.minRingBytes,
      max: channelLimits.maxRingBytes,
    });
  if (request.session !== undefined) checkWhole('session', request.session, { min: 1, max: u32 });
  if (request.pty !== undefined) {
    checkWhole('pty.rows', request.pty.rows, { min: 1, max: 65_535 });
    checkWhole('pty.columns', request.pty.columns, { min: 1, max: 65_535 });
  }
}

/** Short stdin travels with the request; what is longer or not known yet follows it. */
function applyStdin(
  exec: Mutable<ResolvedExec>,
  stdin: StdinSource | undefined,
): Pick<PreparedExec, 'source'> & { readonly bytes: number | 'stream' } {
  if (stdin === undefined) return { source: undefined, bytes: exec.openStdin === true ? 'stream' : 0 };
  const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
  if (bytes instanceof Uint8Array) {
    if (bytes.length <= inlineStdinBytes) {
      exec.stdin = bytes;
      return { source: undefined, bytes: bytes.length };
    }
    exec.openStdin = true;
    return { source: pieces(bytes), bytes: bytes.length };
  }
  if (typeof bytes !== 'object' || !(Symbol.asyncIterator in bytes))
    throw invalid('stdin', bytes, 'a string, bytes or an async iterable of bytes');
  exec.openStdin = true;
  return { source: bytes, bytes: 'stream' };
}

const inlineStdinBytes = 65_536;

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += inlineStdinBytes) yield bytes.subarray(at, at + inlineStdinBytes);
}

function noPty(backend: string): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Backend ${backend} has no terminals (hasPty).`,
    hint: 'Leave pty out, or take a backend that has it.',
  });
}
