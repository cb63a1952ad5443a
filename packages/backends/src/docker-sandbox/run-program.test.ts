import { describe, expect } from 'vitest';
import { verifies } from '@sovereign/testkit';
import { runProgram, type RunRequest, type RunResult } from './run-program.ts';

const run = (script: string, request: Partial<RunRequest> = {}): Promise<RunResult> =>
  runProgram({
    path: '/bin/sh',
    argv: ['-c', script],
    env: { PATH: '/usr/bin:/bin', ONLY: 'this' },
    timeoutMs: 5_000,
    ...request,
  });

describe('a run of a program', () => {
  verifies('R-TIER-6', 'its end, what it said, and nothing of our environment', async () => {
    expect(await run('echo "$ONLY $HOME"; echo no >&2; exit 7')).toEqual({
      ...{ exitCode: 7, stdout: 'this \n', stderr: 'no\n', end: 'exited' },
    });
  });

  verifies('R-TIER-6', 'it reads what it is given, and else nothing', async () => {
    expect(await run('cat', { stdin: Buffer.from('given') })).toMatchObject({ stdout: 'given' });
    expect(await run('read answer || echo none')).toMatchObject({ stdout: 'none\n' });
    // One that does not read is no failure of ours.
    expect(await run('exit 0', { stdin: Buffer.alloc(4_000_000) })).toMatchObject({ exitCode: 0 });
  });

  verifies('R-TIER-6', 'a daemon that it leaves behind keeps nobody waiting', async () => {
    const began = performance.now();
    expect(await run('sleep 4 & echo out')).toMatchObject({ stdout: 'out\n', end: 'exited', exitCode: 0 });
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  verifies('R-TIER-6', 'time and size end it', async () => {
    expect(await run('sleep 30', { timeoutMs: 200 })).toMatchObject({ end: 'timedOut' });
    expect(await run('exec yes')).toMatchObject({ end: 'tooLong' });
    expect((await run('yes no | head -c 9000000 >&2')).stderr.length).toBeLessThan(100_000);
  });

  verifies('R-TIER-6', 'a program that is none, and a call that is cancelled', async () => {
    expect(await run('', { path: '/not/there' })).toMatchObject({ end: 'notStarted', exitCode: null });
    const abort = new AbortController();
    const running = run('sleep 30', { signal: abort.signal });
    abort.abort();
    await expect(running).rejects.toMatchObject({ reason: 'operation.cancelled' });
    await expect(run('true', { signal: abort.signal })).rejects.toMatchObject({
      reason: 'operation.cancelled',
    });
  });
});
