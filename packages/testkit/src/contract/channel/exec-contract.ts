import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import type { ChannelSuite } from './channel-subject.ts';

const awkward: readonly string[] = [
  '',
  ' ',
  '  two  spaces  ',
  '"double"',
  "'single'",
  '`tick`',
  '$HOME',
  '$(id)',
  '*',
  '?',
  '~',
  '\\',
  '\\n',
  '\n',
  '\t',
  ';',
  '&&',
  '|',
  '>',
  '#',
  '%s',
  '-n',
  '--',
  'ünïcödé',
  '日本語',
  '👩‍👩‍👧‍👦',
  'e\u0301',
  '\u202e',
  '\u0001',
  'a=b',
  '{x,y}',
  '!!',
];

/** R-EXEC-1: argv is the primitive; what is given arrives, unchanged, and nothing is guessed. */
export function execContract(suite: ChannelSuite): void {
  const argvSeen = async (args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await suite.run({ command: 'printf', args: ['%s\\0', ...args] });
    return stdout.toString('utf8').split('\0').slice(0, -1);
  };

  verifies(
    'R-EXEC-1',
    'argv arrives exactly: spaces, quotes, globs, control characters, unicode, empty',
    async () => {
      expect(await argvSeen(awkward)).toEqual(awkward);
    },
  );

  verifies('R-EXEC-1', 'a thousand arguments arrive in order', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => `argument ${index}`);
    expect(await argvSeen(many)).toEqual(many);
  });

  verifies('R-EXEC-1', 'a command with a space is a program of that name, never a shell line', async () => {
    const { exit } = await suite.run({ command: 'echo hello' });
    expect(exit).toMatchObject({ cause: 'notFound', exitCode: 127 });
  });

  verifies(
    'R-EXEC-1',
    'NUL in an argument is refused with argument.invalid; its twin without NUL runs',
    async () => {
      const withNul = async (): Promise<unknown> => suite.run({ command: 'echo', args: ['a\0b'] });
      await expect(withNul()).rejects.toMatchObject({ reason: 'argument.invalid' });
      expect((await suite.run({ command: 'echo', args: ['ab'] })).stdout.toString()).toBe('ab\n');
    },
  );

  verifies('R-EXEC-1', 'NUL in a name of the environment is refused with argument.invalid', async () => {
    const withNul = async (): Promise<unknown> =>
      suite.run({ command: 'true', env: [...suite.subject.env, 'A=\0'] });
    await expect(withNul()).rejects.toMatchObject({ reason: 'argument.invalid' });
  });

  verifies(
    'R-EXEC-2',
    'the environment is exactly what was given, values with spaces, equals and newlines included',
    async () => {
      const path = suite.subject.env.find((entry) => entry.startsWith('PATH=')) ?? 'PATH=/usr/bin:/bin';
      const given = [path, 'PLAIN=1', 'EMPTY=', 'SPACED= a  b ', 'EQUALS=a=b=c', 'UNICODE=ünï'];
      const { stdout } = await suite.run({ command: 'env', env: given });
      expect(stdout.toString().trimEnd().split('\n').sort()).toEqual([...given].sort());
      const lines = await suite.run({
        command: 'sh',
        args: ['-c', 'echo "$LINES2"'],
        env: [path, 'LINES2=a\nb'],
      });
      expect(lines.stdout.toString()).toBe('a\nb\n');
    },
  );

  verifies('R-EXEC-2', 'a working directory with awkward characters is where the command runs', async () => {
    const path = `${await suite.directory()}/späce and 'quotes'`;
    await suite.channel.files.makeDirectory(path);
    expect((await suite.run({ command: 'pwd', cwd: path })).stdout.toString()).toBe(`${path}\n`);
  });

  verifies(
    'R-EXEC-2',
    'a working directory that is not there is a result: badDirectory, 126; its twin runs',
    async () => {
      const missing = await suite.run({ command: 'true', cwd: `${suite.subject.workspacePath}/not-there` });
      expect(missing.exit).toMatchObject({ cause: 'badDirectory', exitCode: 126 });
      expect((await suite.run({ command: 'true' })).exit).toMatchObject({ cause: 'exited', exitCode: 0 });
    },
  );

  verifies(
    'R-EXEC-1',
    'a program that is not there is a result: notFound, 127, by name and by path',
    async () => {
      for (const command of ['no-such-program', '/usr/bin/no-such-program', './no-such-program']) {
        expect((await suite.run({ command })).exit).toMatchObject({ cause: 'notFound', exitCode: 127 });
      }
    },
  );

  verifies(
    'R-EXEC-1',
    'a file that is not executable is a result: notExecutable, 126; made executable it runs',
    async () => {
      const path = `${await suite.directory()}/script`;
      await suite.channel.files.write(path, Buffer.from('#!/bin/sh\necho ran\n'), { mode: 0o644 });
      expect((await suite.run({ command: path })).exit).toMatchObject({
        cause: 'notExecutable',
        exitCode: 126,
      });
      if (!suite.has.kernel) return;
      await suite.sh(`chmod +x '${path}'`);
      expect((await suite.run({ command: path })).stdout.toString()).toBe('ran\n');
    },
  );

  verifies('R-EXEC-1', 'an environment of nearly 1 MiB works', async (context) => {
    suite.needs(context, 'kernel');
    const big = Array.from({ length: 14 }, (_, index) => `BIG${index}=${'x'.repeat(65_536)}`);
    const { stdout } = await suite.sh('echo "${#BIG0} ${#BIG13}"', { env: [...suite.subject.env, ...big] });
    expect(stdout.toString()).toBe('65536 65536\n');
  });

  verifies(
    'R-EXEC-1',
    'an environment beyond the frame is refused with argument.too-large and harms nothing',
    async () => {
      const big = Array.from({ length: 32 }, (_, index) => `BIG${index}=${'x'.repeat(65_536)}`);
      const tooBig = async (): Promise<unknown> =>
        suite.run({ command: 'true', env: [...suite.subject.env, ...big] });
      await expect(tooBig()).rejects.toMatchObject({ reason: 'argument.too-large' });
      expect((await suite.run({ command: 'true' })).exit.exitCode).toBe(0);
    },
  );

  verifies(
    'R-EXEC-1',
    'one variable beyond what execve takes is a clear answer, not a hang',
    async (context) => {
      suite.needs(context, 'kernel');
      const env = [...suite.subject.env, `BIG=${'x'.repeat(300_000)}`];
      const outcome = await suite.run({ command: 'true', env }).then(
        ({ exit }) => exit.cause,
        (error: unknown) => (error as { reason?: string }).reason,
      );
      expect(['spawnFailed', 'notExecutable', 'argument.too-large']).toContain(outcome);
    },
  );
}
