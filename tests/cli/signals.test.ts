import { eventually, hostProcessesNamed, tierTest, uniqueSleep, within } from '@sovereign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { CommandLine, type Running } from './command.ts';

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => {
    let line: CommandLine;

    beforeAll(async () => {
      line = await CommandLine.create();
    });

    afterAll(() => line.dispose());

    /** A command that has started, sleeping for a time nobody else sleeps. */
    const sleeping = async (
      script: (seconds: string) => string,
    ): Promise<{ running: Running; marker: string }> => {
      const marker = uniqueSleep();
      const words = ['run', '--tier', tier.name, '-q', '--', 'sh', '-c', script(marker)];
      const running = line.start(words, { input: '' });
      await eventually('the command runs', () => running.stdout().includes('ready'));
      return { running, marker };
    };

    const nothingLeft = async (marker: string): Promise<void> => {
      await eventually('its processes are gone', async () => (await hostProcessesNamed(marker)).length === 0);
      expect(await line.leftovers()).toEqual([]);
    };

    test.each([
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)('%s kills everything and leaves nothing', async (signal, exitCode) => {
      const { running, marker } = await sleeping(
        (seconds) => `setsid sleep ${seconds} & echo ready; sleep ${seconds}`,
      );
      running.child.kill(signal);
      expect(await within('the end', running.ended)).toMatchObject({ exitCode });
      await nothingLeft(marker);
    });

    test('SIGINT goes to the command, which may handle it', async () => {
      const { running, marker } = await sleeping(
        (seconds) => `trap 'echo caught; exit 5' INT; echo ready; sleep ${seconds} & wait`,
      );
      running.child.kill('SIGINT');
      expect(await within('the end', running.ended)).toMatchObject({
        exitCode: 5,
        stdout: 'ready\ncaught\n',
      });
      await nothingLeft(marker);
    });

    test('SIGINT ends a command that does not handle it', async () => {
      const { running, marker } = await sleeping((seconds) => `echo ready; exec sleep ${seconds}`);
      running.child.kill('SIGINT');
      expect(await within('the end', running.ended)).toMatchObject({ exitCode: 130 });
      await nothingLeft(marker);
    });

    test('a second SIGINT ends one that ignores the first', async () => {
      const { running, marker } = await sleeping(
        (seconds) => `trap '' INT; echo ready; sleep ${seconds}; sleep ${seconds}`,
      );
      running.child.kill('SIGINT');
      running.child.kill('SIGINT');
      // Two signals of one kind that are pending at once are one: the second is sent until it has arrived.
      const again = setInterval(() => running.child.kill('SIGINT'), 50);
      const ended = await within('the end', running.ended).finally(() => clearInterval(again));
      // One that comes when all is done ends it as well: a shell shows 130 for both.
      expect([130, 'SIGINT']).toContain(ended.exitCode ?? ended.signal);
      await nothingLeft(marker);
    });

    test('a reader that stalls keeps nothing from ending', async () => {
      const marker = uniqueSleep();
      const script = `sleep ${marker} & echo ready; yes`;
      const running = line.start(['run', '--tier', tier.name, '-q', '--', 'sh', '-c', script], { input: '' });
      await eventually('the command runs', () => running.stdout().includes('ready'));
      running.child.stdout.pause();
      running.child.kill('SIGTERM');
      const exit = new Promise((resolve) =>
        running.child.on('exit', (code, signal) => resolve(signal ?? code)),
      );
      expect(['SIGTERM', 143]).toContain(await within('the end', exit));
      await nothingLeft(marker);
      running.child.stdout.resume();
      await running.ended;
    });

    test('a signal while the sandbox is being created leaves nothing', async () => {
      const marker = uniqueSleep();
      const running = line.start(['run', '--tier', tier.name, '-q', '--', 'sleep', marker], { input: '' });
      // Creating takes milliseconds: whoever looks too late finds the command, which is to be ended as well.
      await eventually('it has begun', async () => {
        const named = await hostProcessesNamed(marker);
        const sleeps = named.filter(({ command }) => command.startsWith('sleep'));
        return sleeps.length > 0 || (await line.leftovers()).length > 0 || undefined;
      });
      running.child.kill('SIGTERM');
      const { exitCode, signal } = await within('the end', running.ended);
      expect(signal ?? exitCode).toBe(143);
      await nothingLeft(marker);
    });
  });
}
