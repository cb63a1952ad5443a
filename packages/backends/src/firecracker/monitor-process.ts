import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  isAlive,
  processIdentity,
  signalProcess,
  throwIfCancelled,
  until,
  type ProcessIdentity,
  type SandboxId,
} from '@sovereign/core';
import type { LaunchHelper } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import type { FirecrackerApi } from './firecracker-api.ts';

export interface MonitorLaunch {
  readonly helper: LaunchHelper;
  readonly shelldPath: string;
  readonly sandbox: SandboxId;
  /** Argv of Firecracker or of its jailer. */
  readonly argv: readonly string[];
  /** Its working directory until a jailer changes that. */
  readonly root: string;
  /** Where it writes its pid before it runs; a file that no monitor can reach. */
  readonly pidPath: string;
  readonly consolePath: string;
}

const startTimeoutMs = 10_000;
const killTimeoutMs = 10_000;

/**
 * Starts a program that says its pid in a file and outlives the shell. The guest's serial port is the monitor's stdout:
 * `shelld console` keeps the last of it, so that a guest that floods it costs no disk.
 */
const script = `cd "$1" || exit
umask 077
shelld=$2 pid=$3 console=$4
shift 4
"$shelld" console /bin/sh -c 'echo $$ > "$0" && exec "$@"' "$pid" "$@" </dev/null >>"$console" 2>/dev/null &
echo $! >"$console.writer"`;

/** Starts a monitor that outlives us. Returns when its process is known; its API may take a moment longer. */
export async function launchMonitor(launch: MonitorLaunch): Promise<ProcessIdentity> {
  const { helper, shelldPath, sandbox, argv, root, pidPath, consolePath } = launch;
  rmSync(pidPath, { force: true });
  const shell = ['/bin/sh', '-c', script, 'sh', root, shelldPath, pidPath, consolePath];
  const started = await helper.run([...shell, ...argv], { timeoutMs: startTimeoutMs });
  if (started.exitCode !== 0) throw notStarted(sandbox, started.stderr);
  let pid: number | undefined;
  await until(() => (pid = readPid(pidPath)) !== undefined, startTimeoutMs);
  const identity = pid === undefined ? undefined : processIdentity(pid);
  if (identity === undefined) throw notStarted(sandbox, await lastLines(consolePath));
  return identity;
}

/**
 * Waits until a monitor answers. The socket appears when it listens, and the process may end before.
 *
 * @throws SovereignError `launcher.failed` with what it printed, `microvm.monitor-silent`, `operation.cancelled`
 */
export async function awaitApi(
  init: Pick<MonitorLaunch, 'sandbox' | 'consolePath'> & {
    readonly monitor: ProcessIdentity;
    readonly api: FirecrackerApi;
    readonly socketPath: string;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const { monitor, api, socketPath, signal } = init;
  const deadline = performance.now() + startTimeoutMs;
  await until(() => signal?.aborted === true || !isAlive(monitor) || existsSync(socketPath), startTimeoutMs);
  for (;;) {
    throwIfCancelled(signal);
    if (!isAlive(monitor)) throw notStarted(init.sandbox, await lastLines(init.consolePath));
    try {
      await api.describe(signal);
      return;
    } catch (error) {
      // A socket has its path a moment before anybody listens on it.
      const isEarly = existsSync(socketPath) && isAlive(monitor) && isRefusedConnection(error);
      if (isAlive(monitor) && (!isEarly || performance.now() > deadline)) throw error;
    }
    await delay(1);
  }
}

function isRefusedConnection(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

/** Ends a monitor, and with it its machine. @throws SovereignError `sandbox.remove-failed` */
export async function killMonitor(monitor: ProcessIdentity, sandbox: SandboxId): Promise<void> {
  signalProcess(monitor, 'SIGKILL');
  if (await until(() => !isAlive(monitor), killTimeoutMs)) return;
  throw new SovereignError({
    reason: 'sandbox.remove-failed',
    message: `The machine of ${sandbox} did not end within ${killTimeoutMs} ms of being killed.`,
    hint: 'Try again; a disk that does not answer can hold a process for long.',
    context: { sandbox },
  });
}

/** Clock ticks of /proc, which Linux gives to programs as 100 a second on every architecture (proc(5)). */
const tickUs = 10_000;

/** Memory that the host holds for a machine, and the time that it has computed; zero when it has just ended. */
export function monitorUse({ pid }: ProcessIdentity): {
  readonly memoryBytes: number;
  readonly cpuUs: number;
} {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    return { memoryBytes: Number(kib) * 1024, cpuUs: ticks * tickUs };
  } catch {
    return { memoryBytes: 0, cpuUs: 0 };
  }
}

/** How long what a machine printed last may take into its file once the machine has ended. */
const writerTimeoutMs = 1_000;

/** The last lines that a machine which has ended and its monitor printed, fit for a message. */
export async function lastLines(consolePath: string): Promise<string> {
  const writer = readPid(`${consolePath}.writer`);
  if (writer !== undefined) await until(() => processIdentity(writer) === undefined, writerTimeoutMs);
  return consoleLines(consolePath);
}

function consoleLines(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ').trim())
      .filter((line) => line !== '');
    if (lines.length > 0) return lines.slice(-12).join(' | ').slice(-1_500);
  } catch {
    // A console that is not there has said nothing.
  }
  return '(it printed nothing)';
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'latin1').trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function notStarted(sandbox: SandboxId, said: string): SovereignError {
  return new SovereignError({
    reason: 'launcher.failed',
    message: `Firecracker did not start for ${sandbox}: ${said}`,
    hint: 'Run `sovereign doctor` to see what this host lacks.',
    context: { sandbox },
  });
}
