import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tierTest, verifies, within } from '@sovereign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { command, CommandLine } from './command.ts';

const terminal = fileURLToPath(new URL('terminal.py', import.meta.url));

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => {
    let line: CommandLine;

    beforeAll(async () => {
      line = await CommandLine.create();
    });

    afterAll(() => line.dispose());

    /** What a call draws on a terminal while `steps` are typed, and its exit code. */
    const draw = (
      steps: readonly string[],
      words: readonly string[],
    ): Promise<{ drawn: string; exitCode: number | null }> => {
      const env: NodeJS.ProcessEnv = { ...process.env, SOVEREIGN_HOME: line.home, TERM: 'xterm' };
      delete env['NODE_EXTRA_CA_CERTS'];
      const child = spawn('python3', [terminal, ...steps, '--', ...command, ...words], {
        cwd: line.workspace,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let drawn = '';
      child.stdout.on('data', (chunk: Buffer) => (drawn += chunk.toString('latin1')));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      return within('the terminal', ended, 30_000).then((exitCode) => ({ drawn, exitCode }));
    };

    verifies('R-EXEC-3', 'shell: a terminal of our size, resized with ours, with job control', async () => {
      const steps = [
        'Tier=PS1="ask>"\\n',
        'ask>=stty size; tty; echo "term:$TERM"\\n',
        'term:xterm=resize',
        // What it prints shows that it has the terminal: an interrupt that comes before that is the shell's.
        `ask>=sh -c 'echo "as"leep; exec sleep 1000'\\n`,
        'asleep=\\x03',
        'ask>=stty size; exit 6\\n',
      ];
      const { drawn, exitCode } = await draw(steps, ['shell', '--tier', tier.name]);
      expect(drawn).toContain('40 100');
      expect(drawn).toContain('/dev/pts/');
      expect(drawn).toContain('33 77');
      expect(exitCode).toBe(6);
      expect(await line.leftovers()).toEqual([]);
    });

    test('run takes a terminal by itself, and none where it is told so', async () => {
      const words = ['run', '--tier', tier.name, '-q'];
      expect((await draw([], [...words, '--', 'sh', '-c', 'tty; exit 3'])).exitCode).toBe(3);
      expect((await draw([], [...words, '--', 'tty'])).drawn).toContain('/dev/pts/');
      expect((await draw([], [...words, '--no-tty', '--', 'tty'])).drawn).toContain('not a tty');
    });

    if (tier.name !== 'quilt') {
      test('--insecure takes the shell away and says what to do', async () => {
        const ended = await line.call(['shell', '--insecure']);
        expect(ended).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('insecure.allow') });
        expect(await line.leftovers()).toEqual([]);
      });
      return;
    }

    test('logs on a terminal shows escapes instead of obeying them, unless raw', async () => {
      await line.call(['create', '--name', 'dev', '--tier', 'quilt']);
      await line.call(['exec', 'dev', 'printf', 'a\\033]0;evil\\007b\\r\\n']);
      const { drawn } = await draw([], ['logs', 'dev', '1']);
      expect(drawn).not.toMatch(/\u001b\]|\u0007/);
      expect(Buffer.from(drawn, 'latin1').toString()).toContain('a␛]0;evil\\x07b\r\n');
      expect((await draw([], ['logs', '--raw', 'dev', '1'])).drawn).toContain('a\u001b]0;evil\u0007b');
    });

    test('a shell in a sandbox that runs, and leaving a process of a terminal', async () => {
      expect((await draw(['#=echo $((6 * 7)); exit 4\\n'], ['shell', 'dev'])).exitCode).toBe(4);
      const piped = await line.call(['shell', 'dev'], { input: 'echo from a script; exit 8\n' });
      expect(piped).toMatchObject({ exitCode: 8, stdout: 'from a script\n' });
    });
  });
}
