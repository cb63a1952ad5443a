import type { GuestChannel, ProcessInfo } from '@sovereign/core';
import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { eventually, within } from '../eventually.ts';
import { collect, Reader, type ChannelSuite } from './channel-subject.ts';

/** R-EXEC-5: a process outlives whoever looks at it. */
export function reattachContract(suite: ChannelSuite): void {
  const zeros = (bytes: number): { readonly command: string; readonly args: readonly string[] } =>
    suite.has.kernel
      ? { command: 'head', args: ['-c', String(bytes), '/dev/zero'] }
      : { command: 'flood', args: [String(bytes)] };

  const infoOf = async (channel: GuestChannel, id: number): Promise<ProcessInfo | undefined> =>
    (await channel.processes()).find(({ process }) => process === id);

  const untilExited = (id: number): Promise<ProcessInfo> =>
    eventually(`process ${id} has exited`, async () => {
      const info = await infoOf(suite.channel, id);
      return info !== undefined && !info.isRunning && info;
    });

  verifies(
    'R-EXEC-5',
    'a process survives its client: found by the next one, followed from the cursor, nothing lost',
    async (context) => {
      suite.needs(context, 'reconnect');
      const first = await suite.subject.connect();
      const process = first.exec(
        suite.resolve({
          command: 'sh',
          args: ['-c', 'echo one; sleep 2; echo two; sleep 0.2; echo three >&2; exit 6'],
        }),
      );
      const { process: id, pid } = await process.started;
      await new Reader(process).until(/one\n/);
      const from = { ...process.cursors };
      const ended = process.exit.then(
        () => 'exit',
        () => 'closed',
      );
      await first.close();
      expect(await ended).toBe('closed');

      const second = await suite.subject.connect();
      const info = await infoOf(second, id);
      expect(info).toMatchObject({ process: id, pid, isRunning: true, exitCode: null });
      expect(info?.argv[0]).toBe('sh');
      const { stdout, stderr, exit } = await collect(second.attach(id, from));
      expect(stdout.toString()).toBe('two\n');
      expect(stderr.toString()).toBe('three\n');
      expect(exit).toMatchObject({ exitCode: 6, cause: 'exited' });
      await second.close();
    },
  );

  verifies('R-EXEC-5', 'after its exit the output stays readable until it is forgotten', async () => {
    const process = suite.start({ command: 'sh', args: ['-c', 'echo kept; exit 2'] });
    const { process: id } = await process.started;
    await collect(process);
    for (let time = 0; time < 2; time++) {
      const { stdout, exit } = await collect(suite.channel.attach(id, { stdout: 0, stderr: 0 }));
      expect(stdout.toString()).toBe('kept\n');
      expect(exit.exitCode).toBe(2);
    }
    expect(await infoOf(suite.channel, id)).toMatchObject({
      isRunning: false,
      exitCode: 2,
      cause: 'exited',
      stdoutBytes: 5,
    });
    await suite.channel.forgetProcess(id);
    const again = async (): Promise<unknown> => collect(suite.channel.attach(id, { stdout: 0, stderr: 0 }));
    await expect(again()).rejects.toMatchObject({ reason: 'process.not-found' });
  });

  verifies(
    'R-EXEC-5',
    'a detached process runs on without a reader; beyond its window the oldest is dropped, and counted',
    async () => {
      const [total, ringBytes] = [3_000_000, 65_536];
      const process = suite.start({ ...zeros(total), isDetached: true, ringBytes });
      const { process: id } = await process.started;
      expect(await untilExited(id)).toMatchObject({ stdoutBytes: total, exitCode: 0 });
      const attached = suite.channel.attach(id, { stdout: 0, stderr: 0 });
      let received = 0;
      let begin: number | undefined;
      for await (const { data, cursor } of attached) {
        begin ??= cursor - data.byteLength;
        received += data.byteLength;
      }
      expect(received).toBe(ringBytes);
      expect(begin).toBe(total - ringBytes);
      expect((await attached.exit).stdoutBytes).toBe(total);
    },
  );

  verifies(
    'R-EXEC-5',
    'five clients that leave in the middle see every byte once',
    { timeoutMs: 60_000 },
    async (context) => {
      suite.needs(context, 'kernel');
      suite.needs(context, 'reconnect');
      const script =
        'i=0; while [ $i -lt 100 ]; do seq $((i*2000)) $((i*2000+1999)); i=$((i+1)); sleep 0.01; done';
      const starter = await suite.subject.connect();
      const started = starter.exec(
        suite.resolve({ command: 'sh', args: ['-c', script], ringBytes: 4_194_304 }),
      );
      const { process: id } = await started.started;
      await started.detach();
      await starter.close();
      const pieces: Buffer[] = [];
      let at = 0;
      for (let client = 0; client < 5; client++) {
        const channel = await suite.subject.connect();
        const process = channel.attach(id, { stdout: at, stderr: 0 });
        process.exit.catch(() => undefined);
        let taken = 0;
        for await (const { stream, data, cursor } of process) {
          if (stream !== 'stdout') continue;
          expect(cursor - data.byteLength).toBe(at);
          pieces.push(Buffer.from(data));
          at = cursor;
          taken += data.byteLength;
          if (client < 4 && taken > 100_000) break;
        }
        await channel.close();
      }
      const expected = Array.from({ length: 200_000 }, (_, line) => `${line}\n`).join('');
      expect(Buffer.concat(pieces).toString() === expected).toBe(true);
    },
  );

  verifies('R-EXEC-5', 'detach lets a flooding process run to its end', async () => {
    const process = suite.start({ ...zeros(20_000_000), ringBytes: 65_536 });
    const { process: id } = await process.started;
    await process.detach();
    expect(await untilExited(id)).toMatchObject({ stdoutBytes: 20_000_000 });
  });

  verifies('R-EXEC-5', 'without detaching, output that nobody reads waits and is not lost', async () => {
    const process = suite.start({ ...zeros(10_000_000), ringBytes: 65_536 });
    await process.started;
    await suite.channel.ping();
    expect((await collect(process)).stdout.byteLength).toBe(10_000_000);
  });

  verifies('R-EXEC-5', 'the latest attachment gets the output; the earlier one ends', async () => {
    const process = suite.start({ command: 'sh', args: ['-c', 'echo first; sleep 2; echo second'] });
    process.exit.catch(() => undefined);
    const { process: id } = await process.started;
    const earlier = new Reader(process);
    await earlier.until(/first\n/);
    const later = collect(suite.channel.attach(id, process.cursors));
    const left = await within(
      'the earlier attachment ends',
      earlier.rest().catch(() => 'ended'),
      10_000,
    );
    expect(left).not.toContain('second');
    expect((await later).stdout.toString()).toBe('second\n');
  });

  verifies('R-EXEC-5', 'process ids count up by one, and an unknown one is process.not-found', async () => {
    const first = suite.start({ command: 'true' });
    await collect(first);
    const second = suite.start({ command: 'true' });
    await collect(second);
    expect((await second.started).process).toBe((await first.started).process + 1);
    await expect(suite.channel.killProcess(4_000_000)).rejects.toMatchObject({ reason: 'process.not-found' });
    await expect(suite.channel.signalProcess(4_000_000, 15, 'child')).rejects.toMatchObject({
      reason: 'process.not-found',
    });
  });
}
