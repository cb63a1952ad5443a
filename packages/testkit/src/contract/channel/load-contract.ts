import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { parseProcessStat } from '../host-processes.ts';
import { collect, type ChannelSuite } from './channel-subject.ts';

const mebibyte = 1_048_576;
/** What a heap may grow by while half a gibibyte passes through: garbage that has not been collected yet, no copy of it. */
const maxGrowthBytes = 200 * mebibyte;

/** R-EXEC-2 under load: much output, many commands, slow readers; memory stays bounded and nobody waits for another. */
export function loadContract(suite: ChannelSuite): void {
  const flood = (bytes: number): { readonly command: string; readonly args: readonly string[] } =>
    suite.has.kernel
      ? { command: 'sh', args: ['-c', `head -c ${bytes} /dev/zero | tr '\\0' a`] }
      : { command: 'flood', args: [String(bytes)] };

  const { floodBytes } = suite;
  const floodTimeout = { timeoutMs: 60_000 + floodBytes / 20_000 };

  verifies(
    'R-EXEC-2',
    'a flood in one endless line passes with flat memory on both sides',
    floodTimeout,
    async () => {
      const before = process.memoryUsage().rss;
      let [received, peak] = [0, 0];
      let untilSample = 0;
      const flooding = suite.channel.exec(suite.resolve(flood(floodBytes)), (_stream, data) => {
        received += data.byteLength;
        untilSample -= data.byteLength;
        if (untilSample > 0) return;
        untilSample = 4 * mebibyte;
        peak = Math.max(peak, process.memoryUsage().rss);
      });
      const exit = await flooding.exit;
      expect(exit).toMatchObject({ exitCode: 0, stdoutBytes: floodBytes });
      expect(received).toBe(floodBytes);
      expect(peak - before).toBeLessThan(maxGrowthBytes);
      if (!suite.has.kernel) return;
      const { pid } = await suite.channel.welcome;
      const { stdout } = await suite.sh(`grep -E '^VmHWM' /proc/${pid}/status || true`);
      const peakKib = Number(/(\d+) kB/.exec(stdout.toString())?.[1] ?? 0);
      expect(peakKib).toBeLessThan(65_536);
    },
  );

  verifies(
    'R-EXEC-2',
    'a reader that stands still stalls nobody else, and later gets everything',
    { timeoutMs: 60_000 },
    async () => {
      const total = Math.min(64 * mebibyte, floodBytes);
      const slow = suite.start(flood(total));
      await slow.started;
      const began = Date.now();
      for (let index = 0; index < 50; index++) {
        expect((await suite.run({ command: 'echo', args: [String(index)] })).stdout.toString()).toBe(
          `${index}\n`,
        );
      }
      expect(await suite.channel.ping()).toBeLessThan(1_000);
      expect(Date.now() - began).toBeLessThan(15_000);
      let received = 0;
      for await (const { data } of slow) received += data.byteLength;
      expect(received).toBe(total);
      expect((await slow.exit).exitCode).toBe(0);
    },
  );

  verifies('R-EXEC-2', '200 commands at once never cross', { timeoutMs: 120_000 }, async () => {
    const indexes = Array.from({ length: 200 }, (_, index) => index);
    const all = await Promise.all(
      indexes.map((index) =>
        suite.run({
          command: 'sh',
          args: ['-c', `echo out-${index}; echo err-${index} >&2; exit ${index % 250}`],
        }),
      ),
    );
    for (const [index, { stdout, stderr, exit }] of all.entries()) {
      expect([stdout.toString(), stderr.toString(), exit.exitCode]).toEqual([
        `out-${index}\n`,
        `err-${index}\n`,
        index % 250,
      ]);
    }
  });

  verifies(
    'R-EXEC-2',
    '300 commands one after another leave no descriptor and no zombie in the guest',
    { timeoutMs: 60_000 },
    async (context) => {
      suite.needs(context, 'kernel');
      const { pid } = await suite.channel.welcome;
      const descriptors = async (): Promise<number> =>
        Number((await suite.sh(`ls /proc/${pid}/fd 2>/dev/null | wc -l`)).stdout.toString());
      const before = await descriptors();
      for (let index = 0; index < 300; index++) await suite.sh('(sleep 0 &) ; true');
      expect(await descriptors()).toBeLessThanOrEqual(before + 2);
      // Who has just ended is one until it is reaped, and keepers without work end on their own: one that stays counts.
      const zombies = async (): Promise<readonly string[]> =>
        zombiesBelow(pid, (await suite.sh('cat /proc/[0-9]*/stat 2>/dev/null')).stdout.toString());
      await expect.poll(zombies, { timeout: 10_000 }).toEqual([]);
    },
  );

  verifies('R-EXEC-2', 'many connections at once are served apart', async (context) => {
    suite.needs(context, 'reconnect');
    const channels = await Promise.all(Array.from({ length: 20 }, () => suite.subject.connect()));
    const seen = await Promise.all(
      channels.map(async (channel, index) => {
        const { stdout } = await collect(
          channel.exec(suite.resolve({ command: 'echo', args: [`client ${index}`] })),
        );
        return stdout.toString();
      }),
    );
    expect(seen).toEqual(channels.map((_, index) => `client ${index}\n`));
    await Promise.all(channels.map((channel) => channel.close()));
  });

  verifies(
    'R-EXEC-5',
    'a closed channel fails its calls with channel.closed and resolves closed',
    async (context) => {
      suite.needs(context, 'reconnect');
      const channel = await suite.subject.connect();
      await channel.ping();
      const running = channel.exec(suite.resolve({ command: 'sleep', args: ['1000'] }));
      const { process: id } = await running.started;
      const exit = expect(running.exit).rejects.toMatchObject({ reason: 'channel.closed' });
      await channel.close();
      await exit;
      expect(await channel.closed).toBeUndefined();
      await expect(channel.ping()).rejects.toMatchObject({ reason: 'channel.closed' });
      await suite.channel.killProcess(id);
    },
  );

  verifies('R-TIER-9', 'ping is a round trip in milliseconds, and can be given up', async () => {
    const ms = await suite.channel.ping();
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(1_000);
    await expect(suite.channel.ping(AbortSignal.abort())).rejects.toThrow();
  });

  verifies(
    'R-TIER-10',
    'the guest says who it is: generation, instance, version, roots, layers',
    async () => {
      const welcome = await suite.channel.welcome;
      expect(welcome.generation).toBe(1);
      expect(welcome.instance).not.toBe('');
      expect(welcome.roots.length).toBeGreaterThan(0);
      for (const { name, state } of welcome.layers) {
        expect(name).toMatch(/^[a-z0-9-]+$/);
        expect(['active', 'failed', 'unsupported', 'notRequested']).toContain(state);
      }
    },
  );
}

/**
 * Zombies that descend from a process. A guest without a process table of its own sees those of the host, too.
 *
 * @param stats lines of `/proc/PID/stat`
 */
function zombiesBelow(root: number, stats: string): readonly string[] {
  const all = stats.trimEnd().split('\n').map(parseProcessStat);
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  if (!parents.has(root)) throw new Error(`no process ${root} in ${JSON.stringify(stats.slice(0, 200))}`);
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isBelow(parents.get(pid)));
  return all.flatMap(({ pid, name, state }) => (state === 'Z' && isBelow(pid) ? [`${pid} ${name}`] : []));
}
