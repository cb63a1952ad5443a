import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DockerApi } from '../docker-api.ts';
import type { Cleanup } from '../cleanup.ts';

export interface DaemonOptions {
  /** Run by `sh` before the daemon, in its namespaces. */
  readonly setup: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It stays in the network of this host, so that it can listen on its loopback. Default false. */
  readonly sharesNetwork?: boolean;
  readonly socketPath: string;
  readonly logPath: string;
  readonly cleanup: Cleanup;
}

const startTimeoutMs = 30_000;

/** The shell stays as the first process of the namespace and reaps: engines leave that to the init of a host. */
const supervise = '"$@" & wait $!';

/**
 * Starts an engine of our own in network, mount and PID namespaces of its own, with an empty /run: its bridge, firewall
 * rules, mounts, sockets and every process that it leaves behind are out of the host's way and end with it, at the end
 * and when this process is killed.
 *
 * @throws Error with the end of its log when it does not answer.
 */
export async function startPrivateDaemon(options: DaemonOptions): Promise<void> {
  const log = openSync(options.logPath, 'a', 0o600);
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private'],
      ...(options.sharesNetwork === true ? [] : ['--net']),
      ...['--pid', '--fork', '--kill-child', '--mount-proc'],
      ...[
        'sh',
        '-ec',
        `mount -t tmpfs tmpfs /run; ip link set lo up || true; ${options.setup}\n${supervise}`,
        'sh',
      ],
      ...options.argv,
    ],
    // A session of its own: Ctrl-C is for us, and we end it in order.
    { stdio: ['ignore', log, log], detached: true, env: { ...process.env, ...options.env } },
  );
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const isRunning = (): boolean =>
    child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  options.cleanup.defer(async () => {
    // The first process of the PID namespace takes all others with it before `unshare`, its parent, hears of its end.
    const children = childrenOf(child.pid);
    for (const pid of children) process.kill(pid, 'SIGKILL');
    if (children.length === 0) child.kill('SIGKILL');
    await ended;
  });
  const deadline = performance.now() + startTimeoutMs;
  while (!(await answers(options.socketPath))) {
    if (isRunning() && performance.now() < deadline) await delay(100);
    else throw new Error(`it did not start: ${lastLine(options.logPath)}`);
  }
}

async function answers(socketPath: string): Promise<boolean> {
  const api = new DockerApi(socketPath);
  try {
    await api.version();
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function lastLine(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}
