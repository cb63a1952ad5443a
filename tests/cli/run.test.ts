import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { CommandLine } from './command.ts';

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => {
    let line: CommandLine;
    const run = ['run', '--tier', tier.name] as const;

    beforeAll(async () => {
      line = await CommandLine.create();
    });

    afterEach(async () => {
      expect(await line.leftovers()).toEqual([]);
    });

    afterAll(() => line.dispose());

    verifies('R-TIER-10', 'the runtime is said on stderr, unless it is to be quiet', async () => {
      const loud = await line.call([...run, '--', 'echo', 'hi']);
      expect(loud).toMatchObject({ exitCode: 0, stdout: 'hi\n' });
      expect(loud.stderr).toMatch(/^Runtime: \w+ \(Tier \d\)\n/);
      const quiet = await line.call([...run, '-q', '--', 'echo', 'hi']);
      expect(quiet).toMatchObject({ exitCode: 0, stdout: 'hi\n', stderr: '' });
    });

    test.each([
      ['exit 0', 0],
      ['exit 7', 7],
      ['exit 125', 125],
      ['exit 255', 255],
      ['kill -TERM $$', 143],
      ['kill -KILL $$', 137],
    ])('%s', async (script, exitCode) => {
      expect(await line.call([...run, '--', 'sh', '-c', script])).toMatchObject({ exitCode });
    });

    test('a program that is not there, cannot be executed, or has no directory', async () => {
      const missing = await line.call([...run, '-q', '--', 'no-such-program']);
      expect(missing).toMatchObject({
        exitCode: 127,
        stderr: expect.stringContaining('not found in the sandbox'),
      });
      await writeFile(join(line.workspace, 'plain'), 'text');
      expect(await line.call([...run, '--', './plain'])).toMatchObject({ exitCode: 126 });
      const nowhere = await line.call([...run, '--cwd', '/no/such', '--', 'true']);
      expect(nowhere.exitCode).not.toBe(0);
      expect(nowhere.stderr).toContain('--cwd');
    });

    test('stdout and stderr stay apart, byte by byte', async () => {
      const script = String.raw`printf '\000\377\033[31m'; printf 'err\001' >&2; exit 3`;
      const ended = await line.call([...run, '-q', '--', 'sh', '-c', script]);
      expect(ended).toMatchObject({ exitCode: 3, stdout: '\0\u00ff\u001b[31m', stderr: 'err\u0001' });
    });

    test('stdin is passed on to its end', async () => {
      const input = Buffer.alloc(3_000_000, 'x');
      const ended = await line.call([...run, '-q', '--', 'wc', '-c'], { input });
      expect(ended.stdout.trim()).toBe('3000000');
    });

    test('a command that does not read its stdin ends all the same', async () => {
      const running = line.start([...run, '-q', '--', 'true']);
      expect(await running.ended).toMatchObject({ exitCode: 0 });
    });

    test('environment: given, copied, and nothing else of ours', async () => {
      const words = [...run, '-q', '-e', 'A=1 2', '-e', 'OURS', '--', 'sh', '-c', 'echo "$A|$OURS|$SECRET"'];
      const ended = await line.call(words, { env: { OURS: 'copied', SECRET: 'hidden' } });
      expect(ended.stdout).toBe('1 2|copied|\n');
    });

    test('the current directory is the workspace', async () => {
      await line.call([...run, '--', 'sh', '-c', 'echo made > made']);
      expect(await readFile(join(line.workspace, 'made'), 'utf8')).toBe('made\n');
      const readOnly = await line.call([...run, '--read-only', '--', 'sh', '-c', 'echo x > made']);
      expect(readOnly.exitCode).not.toBe(0);
      expect(await readFile(join(line.workspace, 'made'), 'utf8')).toBe('made\n');
      const without = await line.call([...run, '--no-workspace', '--', 'cat', 'made']);
      expect(without.exitCode).not.toBe(0);
    });

    verifies('R-EXEC-4', 'timeouts give 124 and say so', async () => {
      const total = await line.call([...run, '--timeout', '300ms', '--', 'sh', '-c', 'echo early; sleep 60']);
      expect(total).toMatchObject({
        exitCode: 124,
        stdout: 'early\n',
        stderr: expect.stringContaining('--timeout'),
      });
      const idle = await line.call([...run, '--idle-timeout', '300ms', '--', 'sleep', '60']);
      expect(idle).toMatchObject({ exitCode: 124, stderr: expect.stringContaining('--idle-timeout') });
    });

    test('--json: where it ran, how it ended, what it said', async () => {
      const found = await line.json([...run, '--', 'sh', '-c', 'echo out; echo err >&2; exit 4']);
      expect(found).toEqual({
        sandbox: {
          id: expect.stringMatching(/^sbx_/),
          name: null,
          workspacePath: expect.any(String),
          runtimeLine: expect.stringContaining(tier.name),
          runtime: {
            type: tier.name,
            tier: tier.name === 'quilt' ? 'container' : 'process',
            isIsolated: expect.any(Boolean),
            layers: expect.any(Array),
          },
          warnings: expect.any(Array),
          selection: [expect.objectContaining({ backend: tier.name, verdict: 'taken' })],
        },
        isKept: false,
        result: expect.objectContaining({
          exitCode: 4,
          cause: 'exited',
          signal: null,
          stdout: 'out\n',
          stderr: 'err\n',
          stdoutDropped: 0,
        }),
      });
    });

    test('a reader that goes away ends it quietly', async () => {
      const running = line.start([...run, '-q', '--', 'yes'], { input: '' });
      running.child.stdout.once('data', () => running.child.stdout.destroy());
      expect(await running.ended).toMatchObject({ exitCode: 141, stderr: '' });
    });
  });
}
