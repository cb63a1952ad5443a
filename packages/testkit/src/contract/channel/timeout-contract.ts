import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { uniqueSleep } from '../host-processes.ts';
import { collect, Reader, type ChannelSuite } from './channel-subject.ts';

/** Children that leave their parent in the ways that escape a kill of the process group. */
const runaways = (marker: string): string =>
  `setsid sleep ${marker} & (setsid sh -c "sleep ${marker} & sleep ${marker}" &) ; nohup sleep ${marker} >/dev/null 2>&1 & echo started; sleep ${marker}`;
const runawayCount = 5;

/** R-EXEC-4 and R-EXEC-6: what ends a command ends all of it; what it leaves behind on purpose does not hang the call. */
export function timeoutContract(suite: ChannelSuite): void {
  verifies('R-EXEC-4', 'the total timeout returns the partial output and says so', async () => {
    const { exit, stdout } = await suite.sh('echo before; sleep 1000; echo after', { timeoutMs: 1_000 });
    expect(exit).toMatchObject({ cause: 'timeout', exitCode: 124, stdoutBytes: 7 });
    expect(stdout.toString()).toBe('before\n');
    expect(exit.wallMs).toBeGreaterThanOrEqual(990);
    expect(exit.wallMs).toBeLessThan(5_000);
  });

  verifies('R-EXEC-4', 'a command within its timeout is left alone', async () => {
    const { exit, stdout } = await suite.sh('sleep 0.1; echo done', {
      timeoutMs: 10_000,
      idleTimeoutMs: 5_000,
    });
    expect(exit).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(stdout.toString()).toBe('done\n');
  });

  verifies(
    'R-EXEC-4',
    'the no-output timeout ends a silent command, not one that keeps talking',
    async () => {
      const silent = await suite.sh('echo hello; sleep 1000', { idleTimeoutMs: 1_000 });
      expect(silent.exit).toMatchObject({ cause: 'idleTimeout', exitCode: 124 });
      expect(silent.stdout.toString()).toBe('hello\n');
      const talking = await suite.sh(
        'sleep 0.5; echo 1; sleep 0.5; echo 2 >&2; sleep 0.5; echo 3; sleep 0.5',
        { idleTimeoutMs: 1_500 },
      );
      expect(talking.exit).toMatchObject({ cause: 'exited', exitCode: 0 });
    },
  );

  for (const limit of ['timeoutMs', 'idleTimeoutMs'] as const) {
    verifies('R-EXEC-4', `${limit} kills setsid, double-forked and nohup children too`, async (context) => {
      suite.needs(context, 'kernel');
      const marker = uniqueSleep();
      const process = suite.start({ command: 'sh', args: ['-c', runaways(marker)], [limit]: 2_500 });
      const ran = collect(process);
      await suite.untilLiving(marker, runawayCount);
      expect((await ran).exit.cause).toBe(limit === 'timeoutMs' ? 'timeout' : 'idleTimeout');
      expect((await ran).stdout.toString()).toBe('started\n');
      await suite.untilDead(marker);
    });
  }

  verifies('R-EXEC-4', 'a timeout reaches a command that ignores SIGTERM', async (context) => {
    suite.needs(context, 'kernel');
    const { exit } = await suite.sh('trap "" TERM INT HUP; while :; do sleep 0.05; done', { timeoutMs: 300 });
    expect(exit.cause).toBe('timeout');
  });

  verifies(
    'R-EXEC-4',
    'kill reaches everything it started, also what left its process group',
    async (context) => {
      suite.needs(context, 'kernel');
      const marker = uniqueSleep();
      const process = suite.start({ command: 'sh', args: ['-c', runaways(marker)] });
      const ran = collect(process);
      await suite.untilLiving(marker, runawayCount);
      await process.kill();
      expect((await ran).exit).toMatchObject({ cause: 'killed', signal: 'SIGKILL' });
      await suite.untilDead(marker);
    },
  );

  verifies('R-EXEC-4', "another command's children are left alone by a kill", async (context) => {
    suite.needs(context, 'kernel');
    const [mine, other] = [uniqueSleep(), uniqueSleep()];
    const bystander = suite.start({ command: 'sh', args: ['-c', `setsid sleep ${other} & sleep ${other}`] });
    const victim = suite.start({ command: 'sh', args: ['-c', runaways(mine)] });
    const ended = collect(victim);
    await suite.untilLiving(other, 2);
    await suite.untilLiving(mine, runawayCount);
    await victim.kill();
    await ended;
    await suite.untilDead(mine);
    expect(await suite.living(other)).toBeGreaterThanOrEqual(2);
    const left = collect(bystander);
    await bystander.kill();
    await left;
    await suite.untilDead(other);
  });

  verifies('R-EXEC-6', 'a grandchild that holds the pipe does not hang the call', async (context) => {
    suite.needs(context, 'kernel');
    const marker = uniqueSleep();
    const process = suite.start({
      command: 'sh',
      args: ['-c', `setsid sleep ${marker} & echo done; exit 3`],
    });
    const { exit, stdout } = await collect(process, 5_000);
    expect(exit).toMatchObject({ cause: 'exited', exitCode: 3 });
    expect(stdout.toString()).toBe('done\n');
    expect(exit.wallMs).toBeLessThan(2_000);
    const { process: id } = await process.started;
    await suite.channel.killProcess(id).catch(() => undefined);
    await suite.untilDead(marker);
  });

  verifies(
    'R-EXEC-6',
    'everything the direct child wrote arrives although others hold the pipe',
    async (context) => {
      suite.needs(context, 'kernel');
      const process = suite.start({ command: 'sh', args: ['-c', `sleep 20 & head -c 900000 /dev/zero`] });
      const { exit, stdout } = await collect(process, 10_000);
      expect(stdout.byteLength).toBe(900_000);
      expect(exit.stdoutBytes).toBe(900_000);
      await suite.channel.killProcess((await process.started).process).catch(() => undefined);
    },
  );

  verifies(
    'R-EXEC-6',
    'drainMs bounds the wait: a late writer is heard within it and not beyond',
    async (context) => {
      suite.needs(context, 'kernel');
      const heard = await suite.sh('(sleep 0.3; echo late) & echo early', { drainMs: 3_000 });
      expect(heard.stdout.toString()).toBe('early\nlate\n');
      const missed = await suite.sh('(sleep 2; echo late) & echo early', { drainMs: 50 });
      expect(missed.stdout.toString()).toBe('early\n');
    },
  );

  verifies('R-EXEC-6', 'exit resolves after the last output was read', async () => {
    const reader = new Reader(suite.start({ command: 'sh', args: ['-c', 'echo a; echo b; exit 4'] }));
    expect(await reader.rest()).toBe('a\nb\n');
    expect((await reader.process.exit).exitCode).toBe(4);
  });
}
