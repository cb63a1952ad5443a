import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '@sovereign/guest';
import { skipOrFail } from '@sovereign/testkit';
import { CommandLine, launcher, program } from './command.ts';

const isBuilt = existsSync(launcher);

test('where there is a C compiler the build makes a launcher that works', (context) => {
  if (process.platform !== 'linux') return context.skip('the launcher is for Linux');
  if (findProgram('cc') === undefined) skipOrFail(context, 'cc', 'no C compiler is installed');
  expect(isBuilt).toBe(true);
});

describe.skipIf(!isBuilt)('the launcher', () => {
  let line: CommandLine;
  let sandbox: string;

  beforeAll(async () => {
    line = await CommandLine.create();
    const made = await line.call(['create', '--quiet', '--no-workspace']);
    sandbox = made.stdout.trim();
  });

  afterAll(async () => {
    await line.dispose();
  });

  test.each([
    ['the launcher', [launcher]],
    ['the program', [process.execPath, program]],
  ] as const)('%s passes on input, output, and how a command ended', async (_, command) => {
    const call = (...words: string[]) => line.call(words, { command, input: 'said' });
    const ended = await call('exec', '-i', sandbox, 'sh', '-c', 'cat; exit 7');
    expect(ended).toMatchObject({ exitCode: 7, stdout: 'said' });
    expect((await call('--version')).stdout).toMatch(/^sovereign \d/);
    expect((await call('exec', 'nobody', 'true')).stderr).toContain('nobody');
    expect((await call('no-such-command')).exitCode).toBe(2);
  });

  test('a home, an environment and a directory are those of the call', async () => {
    const elsewhere = await line.call(['ps', '-aq'], {
      env: { SOVEREIGN_HOME: join(line.home, 'another') },
    });
    expect(elsewhere).toMatchObject({ exitCode: 0, stdout: '' });
    const said = await line.call(['run', '-q', '--', 'pwd'], { cwd: line.workspace });
    expect(said).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('w') as string });
  });

  test('two calls at once are two writers of the ledger, which stays whole', async () => {
    const calls = ['one', 'two', 'three'].map((word) => line.call(['exec', sandbox, 'echo', word]));
    expect((await Promise.all(calls)).map(({ stdout }) => stdout)).toEqual(['one\n', 'two\n', 'three\n']);
    expect(await line.call(['audit', 'verify'])).toMatchObject({ exitCode: 0 });
  });

  test('nothing of how Node was started comes into a sandbox', async () => {
    const { stdout } = await line.call(['exec', sandbox, 'env']);
    expect(stdout).not.toMatch(/GLIBC_TUNABLES|snapshot/);
  });

  test('what a user asks of Node is done', async () => {
    const env = { NODE_OPTIONS: '--max-old-space-size=200' };
    expect(await line.call(['exec', sandbox, 'echo', 'done'], { env })).toMatchObject({ stdout: 'done\n' });
  });

  test('called by a link, it finds what is beside itself', async () => {
    const link = join(line.workspace, 'by-link');
    await symlink(launcher, link);
    const ended = await line.call(['exec', sandbox, 'echo', 'linked'], { command: [link] });
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'linked\n' });
  });

  describe('in a directory of its own', () => {
    let directory: string;
    /** What the heap there fits, as the build writes it: directory, Node and its identity, heap, processor, commands, options. */
    let facts: readonly string[];

    const isFromProgram = async (fit: readonly string[] | undefined): Promise<boolean> => {
      await writeFile(join(directory, 'sovereign.fit'), fit?.join('\n') ?? '');
      const ended = await line.call(['ps'], { command: [join(directory, 'sovereign')] });
      expect(ended.exitCode).toBe(0);
      return ended.stdout === 'from the program\n';
    };
    const but = (index: number, other: string) =>
      facts.map((fact, position) => (position === index ? other : fact));

    beforeAll(async () => {
      directory = join(line.workspace, 'copy');
      await mkdir(directory);
      for (const name of ['sovereign', 'sovereign.blob'])
        await copyFile(join(dirname(launcher), name), join(directory, name));
      await writeFile(join(directory, 'sovereign.cjs'), `console.log('from the program');`);
      const fit = (await readFile(join(dirname(launcher), 'sovereign.fit'), 'utf8')).split('\n');
      const { ino, size, mtimeMs, ctimeMs } = statSync(join(directory, 'sovereign.blob'));
      const heap = [ino, size, Math.floor(mtimeMs / 1000), Math.floor(ctimeMs / 1000)].join(' ');
      facts = fit.map((fact, index) => (index === 0 ? directory : index === 3 ? heap : fact));
    });

    test('a heap that fits is begun with', async () => {
      expect(await isFromProgram(facts)).toBe(false);
    });

    test('one that does not is left, and the program is run', async () => {
      const others = { directory: 0, node: 1, identityOfNode: 2, heap: 3, processor: 4, commands: 5 };
      for (const [what, index] of Object.entries(others))
        expect([what, await isFromProgram(but(index, '/bin/true'))]).toEqual([what, true]);
      expect(await isFromProgram(undefined)).toBe(true);
    });
  });
});
