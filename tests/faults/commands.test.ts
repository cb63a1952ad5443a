import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, hostProcessesNamed, tierTest, uniqueSleep, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

const GiB = 1_073_741_824;
const isFull = process.env['SOVEREIGN_FAULTS'] === 'full';
/** 10 GiB, and one line of 2 GiB, with SOVEREIGN_FAULTS=full. */
const floodBytes = isFull ? 10 * GiB : GiB;
const lineBytes = isFull ? 2 * GiB : GiB / 4;

/** What commands do to us that the contract of the channel does not hold already, through the sdk. */
for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => commands(tier.name as 'process' | 'quilt'));
}

function commands(tier: 'process' | 'quilt'): void {
  verifies(
    'R-EXEC-1',
    `${tier}: what cannot be run is a result, what cannot be sent is a typed error, and the sandbox goes on`,
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        expect(await sandbox.exec({ command: 'no-such-command' })).toMatchObject({
          exitCode: 127,
          cause: 'notFound',
        });
        expect(await sandbox.exec({ command: './not-there' })).toMatchObject({
          exitCode: 127,
          cause: 'notFound',
        });
        expect(await sandbox.exec({ command: 'true', cwd: 'not-there' })).toMatchObject({
          exitCode: 126,
          cause: 'badDirectory',
        });
        const refused = [
          { command: 'echo', args: ['a\0b'] },
          { command: 'ec\0ho' },
          { command: 'true', cwd: 'a\0b' },
          { command: 'true', env: { A: 'a\0b' } },
          { command: '' },
        ];
        for (const request of refused)
          await expect(sandbox.exec(request)).rejects.toMatchObject({ reason: 'argument.invalid' });
        expect((await sandbox.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
      });
    },
  );

  verifies(
    'R-EXEC-2',
    `${tier}: an environment of 1 MiB arrives whole or is refused with a type`,
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        const env = (kib: number): Record<string, string> =>
          Object.fromEntries(
            Array.from({ length: kib }, (_, index) => [
              `V${String(index).padStart(4, '0')}`,
              'x'.repeat(1_016),
            ]),
          );
        const large = await sandbox.exec({
          command: 'sh',
          args: ['-c', 'env | grep -c ^V[0-9]; env | grep ^V[0-9] | wc -c'],
          env: env(960),
        });
        expect(large.stdoutText).toBe(`960\n${960 * (5 + 1 + 1_016 + 1)}\n`);
        await expect(sandbox.exec({ command: 'true', env: env(1_200) })).rejects.toMatchObject({
          reason: 'argument.too-large',
        });
        // execve(2) takes no single string above 128 KiB.
        expect(await sandbox.exec({ command: 'true', env: { A: 'x'.repeat(200_000) } })).toMatchObject({
          cause: 'spawnFailed',
        });
        expect((await sandbox.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
      });
    },
  );

  verifies(
    'R-EXEC-7',
    `${tier}: a flood is counted to the byte in flat memory, kept by head and tail, or streamed`,
    { timeoutMs: 600_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        await sandbox.exec({ command: 'head', args: ['-c', '64M', '/dev/zero'] });
        const before = process.memoryUsage().rss;
        let highest = before;
        const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 50);
        const kept = await sandbox.exec({ command: 'head', args: ['-c', String(floodBytes), '/dev/zero'] });
        expect(kept).toMatchObject({ exitCode: 0, stdoutBytes: floodBytes });
        expect(kept.stdoutDropped + kept.stdout.length).toBe(floodBytes);
        expect(kept.stdout.length).toBeLessThanOrEqual(1_048_576);
        let streamed = 0;
        const flood = await sandbox.spawn({ command: 'head', args: ['-c', String(floodBytes), '/dev/zero'] });
        for await (const { data } of flood) streamed += data.length;
        expect(await flood.exit).toMatchObject({ exitCode: 0, stdoutBytes: floodBytes });
        clearInterval(watch);
        expect(streamed).toBe(floodBytes);
        expect(highest - before).toBeLessThan(96 * 1_048_576);
      });
    },
  );

  verifies(
    'R-EXEC-2',
    `${tier}: one endless line is output like any other`,
    { timeoutMs: 600_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        const script = `head -c ${lineBytes} /dev/zero | tr '\\0' x; echo end`;
        const result = await sandbox.commands.run(script);
        expect(result).toMatchObject({ exitCode: 0, stdoutBytes: lineBytes + 4 });
        expect(result.stdoutText.endsWith('xend\n')).toBe(true);
      });
    },
  );

  verifies(
    'R-EXEC-2',
    `${tier}: a client that stops reading holds its own process only, and later has every byte`,
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        const bytes = 64 * 1_048_576;
        await writeFile(join(scene.workspace, 'source'), randomBytes(bytes));
        const sum = (await sandbox.exec({ command: 'sha256sum', args: ['source'] })).stdoutText.slice(0, 64);
        const stalled = await sandbox.spawn({ command: 'sh', args: ['-c', 'cat source; touch finished'] });
        const iterator = stalled[Symbol.asyncIterator]();
        const { createHash } = await import('node:crypto');
        const hash = createHash('sha256');
        const first = await iterator.next();
        if (first.done !== true) hash.update(first.value.data);
        for (let index = 0; index < 20; index++) {
          const other = await sandbox.exec({ command: 'head', args: ['-c', '1M', '/dev/zero'] });
          expect(other.stdoutBytes).toBe(1_048_576);
        }
        expect(await sandbox.files.exists('finished')).toBe(false);
        for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
          hash.update(next.value.data);
        expect(await stalled.exit).toMatchObject({ exitCode: 0, stdoutBytes: bytes });
        expect(hash.digest('hex')).toBe(sum);
        expect(await sandbox.files.exists('finished')).toBe(true);
      });
    },
  );

  verifies(
    'R-EXEC-4',
    `${tier}: what ignores every signal is ended by the removal, down to the last grandchild`,
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        const marker = uniqueSleep();
        const script = `trap '' TERM INT HUP; (setsid sh -c "trap '' TERM; sleep ${marker}" &) ; sleep ${marker}`;
        const stubborn = await sandbox.spawn({ command: 'sh', args: ['-c', script] });
        await eventually('both sleep', async () => (await hostProcessesNamed(`sleep ${marker}`)).length >= 2);
        await sandbox.remove();
        expect(await hostProcessesNamed(marker)).toEqual([]);
        await expect(stubborn.exit).rejects.toMatchObject({ reason: 'channel.closed' });
        await expect(sandbox.exec({ command: 'true' })).rejects.toMatchObject({
          reason: 'sandbox.not-running',
        });
      });
    },
  );
}

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, limits);

function limits(): void {
  verifies('R-PRIM-4', 'a fork bomb meets the limit of processes and nobody else', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      const [bombed, neighbour] = [
        await client.create({ tier: 'quilt', limits: { pids: 64 } }),
        await client.create({ tier: 'quilt' }),
      ];
      // The command stays, whatever of the bomb fails to fork: only the time limit ends it, and everything that it started.
      const script = 'b() { b | b & }; b; exec sleep 60';
      const bomb = bombed.exec({ command: 'sh', args: ['-c', script], timeoutMs: 3_000 });
      expect((await neighbour.exec({ command: 'echo', args: ['fine'] })).stdoutText).toBe('fine\n');
      expect((await bombed.stats()).pids).toBeLessThanOrEqual(64);
      expect(await bomb).toMatchObject({ cause: 'timeout' });
      await eventually('it is over', async () => (await bombed.stats()).pids <= 3);
      expect((await bombed.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
    });
  });

  verifies('R-PRIM-4', 'what exceeds the memory of a sandbox dies alone', async () => {
    await FaultScene.play(async (scene) => {
      const sandbox = await scene.create({ tier: 'quilt', limits: { memoryBytes: 64 * 1_048_576 } });
      const hog = await sandbox.exec({
        command: 'sh',
        args: ['-c', 'head -c 300M /dev/zero | tail -c 250M | wc -c'],
        timeoutMs: 30_000,
      });
      expect(hog.stdoutText.trim()).not.toBe(String(250 * 1_048_576));
      expect((await sandbox.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
      // Memory of a tmpfs counts as well, and is bounded below the limit: what is full can still be cleared.
      const shm = await sandbox.exec({
        command: 'sh',
        args: ['-c', 'head -c 300M /dev/zero > /dev/shm/hog; stat -c %s /dev/shm/hog'],
        timeoutMs: 30_000,
      });
      expect(shm.stderrText).toContain('No space left on device');
      expect(Number(shm.stdoutText)).toBe(32 * 1_048_576);
      expect((await sandbox.exec({ command: 'rm', args: ['/dev/shm/hog'] })).exitCode).toBe(0);
      expect((await sandbox.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
    });
  });

  verifies(
    'R-TIER-9',
    'a command that ignores SIGTERM is ended by stop after its grace, and the sandbox starts again',
    async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier: 'quilt' });
        const marker = uniqueSleep();
        const script = `trap '' TERM; while :; do sleep ${marker}; done`;
        await sandbox.spawn({ command: 'sh', args: ['-c', script], isDetached: true });
        await eventually('it sleeps', async () => (await hostProcessesNamed(`sleep ${marker}`)).length > 0);
        const began = performance.now();
        await sandbox.stop({ graceMs: 500 });
        expect(performance.now() - began).toBeLessThan(5_000);
        expect(await hostProcessesNamed(marker)).toEqual([]);
        await sandbox.start();
        expect((await sandbox.exec({ command: 'echo', args: ['back'] })).stdoutText).toBe('back\n');
      });
    },
  );
}
