import { spawn } from 'node:child_process';
import { throwIfCancelled } from '@sovereign/core';

/** Far above what any of the calls prints; what is beyond is not kept, and the program is ended. */
const maxOutputBytes = 4 * 1024 * 1024;
const maxComplaintBytes = 16 * 1024;
/** A daemon that the program has started may hold its output open for good: what has come by then is what it said. */
const lingerLooks = 20;
const lingerMs = 25;

export interface RunRequest {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** What it reads. Default: nothing, so that no question of it can wait for an answer. */
  readonly stdin?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** How a run ended: as data, whatever the program made of it. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly end: 'exited' | 'timedOut' | 'tooLong' | 'notStarted';
}

/**
 * Runs a program to its end, within a time and a size.
 *
 * @throws SovereignError `operation.cancelled`
 */
export async function runProgram(request: RunRequest): Promise<RunResult> {
  const { path, argv, env, timeoutMs, stdin, signal } = request;
  throwIfCancelled(signal);
  const child = spawn(path, argv, {
    env,
    cwd: '/',
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  let [bytes, stderr] = [0, ''];
  let end: RunResult['end'] = 'exited';
  const kill = (why: RunResult['end']): void => {
    if (end === 'exited') end = why;
    child.kill('SIGKILL');
    // A child of the killed one may hold them open.
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > maxOutputBytes) kill('tooLong');
    else output.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    if (stderr.length < maxComplaintBytes) stderr += chunk.toString('utf8');
  });
  // Whether it read all of it is told by how it ends.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(stdin);
  const timer = setTimeout(() => kill('timedOut'), timeoutMs);
  const onAbort = (): void => kill('timedOut');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const exitCode = await new Promise<number | null>((resolve) => {
      child.once('error', (error) => {
        end = 'notStarted';
        stderr = error.message;
        resolve(null);
      });
      child.once('close', resolve);
      child.once('exit', (code) => {
        // Looks and not one span of time: what has come while this process was busy is read between two of them.
        let looksLeft = lingerLooks;
        const linger = setInterval(() => {
          if (--looksLeft > 0) return;
          clearInterval(linger);
          child.stdout?.destroy();
          child.stderr?.destroy();
          resolve(code);
        }, lingerMs);
        child.once('close', () => clearInterval(linger));
      });
    });
    throwIfCancelled(signal);
    return { exitCode, stdout: Buffer.concat(output).toString('utf8'), stderr, end };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
