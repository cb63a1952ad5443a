import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { CommandLine, type Ended } from './command.ts';

interface Applied {
  readonly step: string;
}

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, undoing);

function undoing(): void {
  let line: CommandLine;
  const file = (name: string): string => join(line.workspace, name);
  const read = (name: string): Promise<string> => readFile(file(name), 'utf8').catch(() => 'absent');
  /** A call that has to work. */
  const ok = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await line.call(words);
    expect(ended, words.join(' ')).toMatchObject({ exitCode: 0 });
    return ended;
  };
  /** Lets the sandbox change its workspace, and applies all of it. @returns the step */
  const change = async (script: string): Promise<string> => {
    await ok('exec', 'dev', '--', 'sh', '-c', script);
    return ((await line.json(['apply', 'dev', '.'])) as unknown as Applied).step;
  };

  beforeAll(async () => {
    line = await CommandLine.create();
  });

  beforeEach(async () => {
    await writeFile(file('kept'), 'old\n');
    await writeFile(file('gone'), 'gone\n');
    await ok('create', '-q', '--review', '--name', 'dev');
  });

  afterEach(async () => {
    const { stdout } = await line.call(['step', 'ls', '-q']);
    const steps = stdout.split('\n').filter((id) => id !== '');
    if (steps.length > 0) await ok('step', 'rm', ...steps);
    await line.call(['rm', '--force', 'dev']);
    for (const name of ['kept', 'gone', 'added', 'sub'])
      await rm(file(name), { recursive: true, force: true });
  });

  afterAll(() => line.dispose());

  verifies('R-NEW-8', 'apply says what undoes it; step ls lists that, and undo does it', async () => {
    await ok('exec', 'dev', '--', 'sh', '-c', 'echo new > kept; rm gone; echo more > added');
    const applying = await ok('apply', 'dev', '.');
    expect(applying.stdout).toBe('A added\nD gone\nC kept\n');
    const step = /sovereign undo (stp_[0-9a-z]{12})\n/.exec(applying.stderr)?.[1] ?? '';
    expect(step).not.toBe('');
    const [head = '', row = ''] = (await ok('step', 'ls')).stdout.split('\n');
    expect(head.split(/ {2,}/)).toEqual(['STEP', 'OF', 'APPLIED', 'STATE', 'PATHS', 'KEPT', 'WORKSPACE']);
    expect(row).toMatch(new RegExp(`^${step} +dev +.* +applied +3 +.*${line.workspace}$`));
    expect((await ok('step', 'ls', '-q', 'dev')).stdout).toBe(`${step}\n`);
    expect((await ok('step', 'ls', '-q', 'other')).stdout).toBe('');
    const dry = await ok('undo', '--dry-run');
    expect(dry.stdout.split('\n').toSorted()).toEqual(['', 'A gone', 'C kept', 'D added']);
    expect(dry.stderr).toContain(`Would undo ${step} of dev in ${line.workspace}`);
    expect(await read('kept')).toBe('new\n');
    const undone = await ok('undo');
    expect(undone.stdout.split('\n').toSorted()).toEqual(['', 'A gone', 'C kept', 'D added']);
    expect(undone.stderr).toContain(`Undid ${step} of dev`);
    expect(await Promise.all(['kept', 'gone', 'added'].map(read))).toEqual(['old\n', 'gone\n', 'absent']);
  });

  verifies(
    'R-NEW-8',
    'undo without a name goes back one more each time, from below the workspace too',
    async () => {
      const steps = [
        await change('mkdir -p sub; echo one > kept'),
        await change('echo two > kept; echo x > sub/x'),
      ];
      const inSub = (words: readonly string[]): Promise<Ended> => line.call(words, { cwd: file('sub') });
      expect(await inSub(['undo'])).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining(steps[1] ?? ''),
      });
      expect(await read('kept')).toBe('one\n');
      expect(await line.json(['undo'])).toMatchObject({
        step: steps[0],
        changes: expect.arrayContaining([{ kind: 'modified', path: 'kept', isChanged: false }]),
      });
      expect(await read('kept')).toBe('old\n');
      const none = await line.call(['undo']);
      expect(none).toMatchObject({ exitCode: 125, stdout: '' });
      expect(none.stderr).toContain(`in ${line.workspace} can be undone`);
      expect(none.stderr).toContain('sovereign step ls');
    },
  );

  verifies(
    'R-NEW-8',
    'steps by their ids are undone newest first, of a sandbox that is gone too',
    async () => {
      const steps = [
        await change('echo one > kept'),
        await change('echo two > kept'),
        await change('rm gone'),
      ];
      await ok('rm', '--force', 'dev');
      expect(await line.json(['step', 'ls'])).toMatchObject({
        steps: steps
          .toReversed()
          .map((id) => ({ id, sandboxName: 'dev', workspace: line.workspace, state: 'applied' })),
      });
      await ok('undo', ...steps.slice(0, 2));
      expect([await read('kept'), await read('gone')]).toEqual(['old\n', 'absent']);
      await ok('undo', 'dev');
      expect(await read('gone')).toBe('gone\n');
    },
  );

  verifies('R-NEW-8', 'what was changed since is named with what helps; --force gives it up', async () => {
    const step = await change('echo new > kept; rm gone');
    await writeFile(file('kept'), 'mine\n');
    const dry = await ok('undo', '-n', 'dev');
    expect(dry.stdout).toContain('C kept  (changed since)\n');
    const refused = await line.call(['undo', 'dev']);
    expect(refused).toMatchObject({ exitCode: 125, stdout: '' });
    expect(refused.stderr).toMatch(/Nothing was undone: .*kept/);
    expect(refused.stderr).toContain('--force');
    expect(await line.json(['undo', 'dev'])).toMatchObject({
      error: { reason: 'step.changed', context: { step, changed: 1 } },
    });
    expect([await read('kept'), await read('gone')]).toEqual(['mine\n', 'absent']);
    await ok('undo', '--force', 'dev');
    expect([await read('kept'), await read('gone')]).toEqual(['old\n', 'gone\n']);
  });

  verifies('R-NEW-8', 'step rm forgets; --no-undo keeps nothing; what is no step is said so', async () => {
    const step = await change('echo new > kept');
    expect(await line.json(['step', 'rm', step, 'stp_000000000000'])).toMatchObject({
      done: [step],
      failed: [{ name: 'stp_000000000000', error: { reason: 'step.not-found' } }],
    });
    const gone = await line.call(['undo', step]);
    expect(gone).toMatchObject({ exitCode: 125, stderr: expect.stringContaining(step) });
    expect(gone.stderr).toContain('sovereign step ls');
    expect((await line.call(['undo', 'stp_X'])).exitCode).not.toBe(0);
    expect(await line.call(['undo', '--dry-run', '--force'])).toMatchObject({ exitCode: 2 });
    await ok('exec', 'dev', '--', 'sh', '-c', 'echo newer > kept');
    expect(await line.json(['apply', '--no-undo', 'dev', '.'])).toMatchObject({ step: null });
    expect(await line.json(['step', 'ls'])).toEqual({ steps: [] });
    expect(await read('kept')).toBe('newer\n');
  });

  verifies(
    'R-NEW-8',
    'completion knows steps; gc names and removes one that cannot be read, and no other',
    async () => {
      const step = await change('echo new > kept');
      for (const command of [
        ['undo', ''],
        ['step', 'rm', ''],
      ])
        expect((await ok('__complete', '--', ...command)).stdout, command.join(' ')).toContain(step);
      const id = `quilt/step/${step}`;
      expect(await line.json(['gc', '--dry-run', id])).toMatchObject({ items: [], problems: [] });
      await writeFile(join(line.home, 'state', 'quilt', 'steps', step, 'step.json'), '{');
      const item = { id, kind: 'step', act: 'remove' };
      for (let times = 0; times < 2; times++)
        expect(await line.json(['gc', '--dry-run', id])).toMatchObject({ items: [item] });
      expect(await line.json(['gc', id])).toMatchObject({ items: [{ ...item, failure: null }] });
      expect(await line.json(['gc', '--dry-run', id])).toMatchObject({ items: [] });
    },
  );
}
