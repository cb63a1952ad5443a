import { mkdir, readFile, readlink, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, tierTest, verifies, within } from '@sovereign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { CommandLine } from './command.ts';

for (const { tier, absence } of await probeTiers(['quilt'])) {
  tierTest(tier.name, absence, () => {
    let line: CommandLine;
    let id = '';

    beforeAll(async () => {
      line = await CommandLine.create();
      const created = await line.call([
        'create',
        '--tier',
        'quilt',
        '--name',
        'dev',
        '--label',
        'team=x',
        '-e',
        'A=secret',
      ]);
      expect(created).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^sbx_[0-9a-z]{12}\n$/) });
      id = created.stdout.trim();
    });

    afterAll(() => line.dispose());

    test('ps lists it by id and name, and prints no values of its environment', async () => {
      const { stdout } = await line.call(['ps']);
      expect(stdout).toMatch(/^ID +NAME +RUNTIME +STATE +WORKSPACE +CREATED\n/);
      expect(stdout).toMatch(new RegExp(`^${id} +dev +quilt +running +${line.workspace} +\\d+ s ago$`, 'm'));
      const found = await line.json(['ps']);
      expect(found).toEqual({
        sandboxes: [
          {
            id,
            name: 'dev',
            backend: 'quilt',
            state: 'running',
            problem: null,
            workspace: { hostPath: line.workspace },
            image: { kind: 'host' },
            network: 'none',
            isInsecure: false,
            limits: {},
            volumes: [],
            strategy: 'service',
            scope: null,
            lifetime: {},
            envNames: ['A'],
            labels: { team: 'x' },
            createdMs: expect.any(Number),
          },
        ],
        problems: [],
      });
      expect((await line.call(['ps', '-q'])).stdout).toBe(`${id}\n`);
    });

    test('exec, by name and by id, with stdin, environment and directory', async () => {
      expect(await line.call(['exec', 'dev', '--', 'sh', '-c', 'echo $A; exit 9'])).toMatchObject({
        exitCode: 9,
        stdout: 'secret\n',
      });
      const words = ['exec', '-e', 'B=2', '--cwd', '/tmp', id, 'sh', '-c', 'cat; pwd; echo $B'];
      expect(await line.call(words, { input: 'in\n' })).toMatchObject({
        exitCode: 0,
        stdout: 'in\n/tmp\n2\n',
      });
      const found = await line.json(['exec', 'dev', '--', 'echo', 'x']);
      expect(found).toEqual({ sandbox: id, result: expect.objectContaining({ exitCode: 0, stdout: 'x\n' }) });
    });

    verifies(
      'R-EXEC-5',
      'a detached process is listed, followed, attached to and killed by other calls',
      async () => {
        const { stdout } = await line.call([
          'exec',
          '-d',
          'dev',
          'sh',
          '-c',
          'echo one; echo two >&2; sleep 1000',
        ]);
        const process = stdout.trim();
        expect(process).toMatch(/^\d+$/);
        const list = await line.call(['logs', 'dev']);
        expect(list.stdout).toMatch(
          new RegExp(`^${process} +running +4 B +4 B +sh -c 'echo one; echo two >&2; sleep 1000'$`, 'm'),
        );
        const shown = await eventually('its output is retained', async () => {
          const seen = await line.call(['logs', 'dev', process]);
          return seen.stdout !== '' && seen.stderr !== '' && seen;
        });
        expect(shown).toMatchObject({ exitCode: 0, stdout: 'one\n', stderr: 'two\n' });
        expect((await line.call(['logs', '--tail', '2', 'dev', process])).stdout).toBe('e\n');
        const follower = line.start(['logs', '-f', 'dev', process], { input: '' });
        await eventually('the follower sees it', () => follower.stdout() === 'one\n');
        expect(await line.call(['kill', 'dev', process])).toMatchObject({ exitCode: 0 });
        expect(await within('the follower ends', follower.ended)).toMatchObject({ exitCode: 137 });
        expect((await line.call(['kill', 'dev', '99999'])).exitCode).toBe(125);
      },
    );

    test('leaving an attached process lets it run on', async () => {
      const process = (
        await line.call(['exec', '-d', 'dev', 'sh', '-c', 'echo here; sleep 1000'])
      ).stdout.trim();
      const attached = line.start(['attach', 'dev', process], { input: '' });
      await eventually('it is attached', () => attached.stdout() === 'here\n');
      attached.child.kill('SIGINT');
      expect(await within('it leaves', attached.ended)).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining('runs on'),
      });
      expect((await line.call(['logs', 'dev'])).stdout).toMatch(new RegExp(`^${process} +running`, 'm'));
      await line.call(['kill', 'dev', process]);
    });

    test('names of processes cannot draw', async () => {
      await line.call(['exec', 'dev', 'sh', '-c', 'true', '\u001b]0;evil\u0007\u001b[2J']);
      const { stdout } = await line.call(['logs', 'dev']);
      expect(stdout).not.toMatch(/\u001b|\u0007/);
      expect(Buffer.from(stdout, 'latin1').toString()).toContain('␛]0;evil');
    });

    test('cp: files, directories and streams, both ways', async () => {
      const tree = join(line.workspace, '..', 'tree');
      await mkdir(join(tree, 'sub', 'empty'), { recursive: true });
      await writeFile(join(tree, 'sub', 'a'), 'content', { mode: 0o750 });
      await symlink('a', join(tree, 'sub', 'link'));
      expect(await line.call(['cp', tree, 'dev:/opt/tree'])).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await line.call(['exec', 'dev', 'cat', '/opt/tree/sub/link'])).stdout).toBe('content');
      const back = join(line.workspace, '..', 'back');
      expect(await line.json(['cp', 'dev:/opt/tree', back])).toEqual({
        files: 1,
        directories: 3,
        links: 1,
        bytes: 7,
        skipped: [],
        skippedCount: 0,
      });
      expect(await readFile(join(back, 'sub', 'a'), 'utf8')).toBe('content');
      expect(await readlink(join(back, 'sub', 'link'))).toBe('a');
      expect(await line.call(['cp', '-', 'dev:piped'], { input: 'from a pipe' })).toMatchObject({
        exitCode: 0,
      });
      expect((await line.call(['cp', 'dev:piped', '-'])).stdout).toBe('from a pipe');
      expect((await line.call(['cp', 'dev:/etc/os-release', back])).exitCode).toBe(0);
      expect(await readdir(back)).toEqual(['os-release', 'sub']);
      expect((await line.call(['cp', 'dev:/no/such', back])).exitCode).toBe(125);
      expect((await line.call(['cp', back, back])).exitCode).toBe(2);
    });

    test('cp: nothing of a guest leads out of the copy', async () => {
      const outside = join(line.workspace, '..', 'outside');
      await mkdir(outside);
      const script = [
        'mkdir -p /opt/evil/d && cd /opt/evil',
        `ln -s ${outside} absolute; ln -s ../../outside up; ln -s d/../../../outside through; mkfifo pipe`,
        `printf '\\033[2J' > "$(printf 'esc\\033[2J')"; echo fine > d/fine`,
      ].join('; ');
      expect(await line.call(['exec', 'dev', 'sh', '-c', script])).toMatchObject({ exitCode: 0 });
      const copy = join(line.workspace, '..', 'copy');
      const { exitCode, stderr } = await line.call(['cp', 'dev:/opt/evil', copy]);
      expect(exitCode).toBe(0);
      for (const name of ['absolute', 'up', 'through', 'pipe']) expect(stderr).toContain(`/opt/evil/${name}`);
      expect(stderr).not.toContain('\u001b');
      expect((await readdir(copy)).toSorted()).toEqual(['d', 'esc\u001b[2J']);
      // Once more, where a link that the user made already leads elsewhere: it is not written through.
      const again = join(line.workspace, '..', 'again');
      await mkdir(again);
      await symlink(outside, join(again, 'd'));
      expect((await line.call(['cp', 'dev:/opt/evil/.', again])).exitCode).toBe(125);
      expect(await readdir(outside)).toEqual([]);
    });

    test('stop keeps the files, start brings them back, rm asks first', async () => {
      await line.call(['exec', 'dev', 'sh', '-c', 'echo kept > /opt/kept']);
      expect(await line.call(['rm', 'dev'])).toMatchObject({
        exitCode: 125,
        stderr: expect.stringContaining('--force'),
      });
      expect(await line.call(['pause', 'dev'])).toMatchObject({ exitCode: 0, stdout: 'dev\n' });
      expect(await line.call(['unpause', 'dev'])).toMatchObject({ exitCode: 0 });
      expect(await line.call(['stop', '--grace', '0s', 'dev'])).toMatchObject({
        exitCode: 0,
        stdout: 'dev\n',
      });
      expect((await line.call(['ps', '-q'])).stdout).toBe('');
      expect((await line.call(['ps', '-aq'])).stdout).toBe(`${id}\n`);
      const refused = await line.json(['exec', 'dev', '--', 'true']);
      expect(refused).toEqual({
        error: {
          code: 'FAILED_PRECONDITION',
          reason: 'sandbox.not-running',
          message: expect.any(String),
          hint: expect.stringContaining('sovereign start'),
          retryable: false,
          context: expect.any(Object),
        },
      });
      expect(await line.call(['start', 'dev'])).toMatchObject({ exitCode: 0 });
      expect((await line.call(['exec', 'dev', 'cat', '/opt/kept'])).stdout).toBe('kept\n');
    });

    test('inspect and stats', async () => {
      const { sandbox, runtime, facilities, processes } = await line.json(['inspect', 'dev']);
      expect(sandbox).toMatchObject({ id, name: 'dev' });
      expect(runtime).toMatchObject({ type: 'quilt', isIsolated: true });
      expect(facilities).toMatchObject({ shell: { status: 'enabled' } });
      expect(processes).toEqual(expect.any(Array));
      expect((await line.call(['inspect', 'dev'])).stdout).not.toContain('secret');
      expect((await line.json(['stats', 'dev']))['sandboxes']).toMatchObject([
        { sandbox: id, name: 'dev', memoryBytes: expect.any(Number), pids: expect.any(Number) },
      ]);
    });

    test('several at once: each is told of, the first failure is the exit code', async () => {
      const found = await line.json(['stop', 'no-such', 'dev']);
      expect(found).toEqual({
        done: ['dev'],
        failed: [{ sandbox: 'no-such', error: expect.objectContaining({ reason: 'sandbox.not-found' }) }],
      });
      expect((await line.call(['stop', 'no-such'])).exitCode).toBe(125);
      expect(await line.call(['rm', 'dev'])).toMatchObject({ exitCode: 0, stdout: 'dev\n' });
      expect(await line.leftovers()).toEqual([]);
    });

    test('run --keep and --detach leave one, as asked', async () => {
      const kept = await line.call([
        'run',
        '--name',
        'kept',
        '--keep',
        '-q',
        '--',
        'sh',
        '-c',
        'echo x > /opt/x',
      ]);
      expect(kept.exitCode).toBe(0);
      expect((await line.call(['exec', 'kept', 'cat', '/opt/x'])).stdout).toBe('x\n');
      const detached = await line.json(['run', '-d', '--', 'sleep', '1000']);
      expect(detached).toEqual({ sandbox: expect.objectContaining({ name: null }), process: 1 });
      expect((await line.json(['ps']))['sandboxes']).toHaveLength(2);
    });

    test('the process tier keeps nothing, and says so before', async () => {
      expect(await line.call(['run', '--tier', 'process', '-d'])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('process tier'),
      });
    });
  });
}
