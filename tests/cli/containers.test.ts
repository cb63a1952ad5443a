import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { busyboxAbsence, eventually, testRootfs, tierTest, verifies, type Absence } from '@sovereign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { CommandLine } from './command.ts';

const [quilt] = await probeTiers(['quilt']);
const noBusybox = busyboxAbsence();
const absence: Absence =
  noBusybox === undefined
    ? (quilt?.absence ?? { isMissing: true, reason: 'this build has no quilt' })
    : { isMissing: true, reason: noBusybox };

tierTest('quilt', absence, () => {
  describe('containers on the command line', () => {
    let line: CommandLine;
    /** stdout of a call that has to work. */
    const ok = async (...words: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await line.call(words);
      expect({ words, exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({
        words,
        exitCode: 0,
        stderr: '',
      });
      return stdout;
    };

    beforeAll(async () => {
      line = await CommandLine.create();
      await writeFile(join(line.workspace, 'rootfs.tar'), testRootfs({ hasBusybox: true }));
      await ok('images', 'import', 'rootfs.tar', 'base:1', '--env', 'PATH=/bin');
    });

    afterAll(async () => {
      const { stdout } = await line.call(['ps', '-aq']);
      const ids = stdout.split('\n').filter((id) => id !== '');
      if (ids.length > 0) await line.call(['rm', '--force', ...ids]);
      await line.dispose();
    });

    verifies('R-PRIM-5', 'images: listed, inspected, tagged, saved, removed, loaded', async () => {
      expect(await ok('images', 'ls', '-q')).toBe('base:1\n');
      expect(await ok('images', 'inspect', 'base:1')).toMatch(/^Name: +docker\.io\/library\/base:1$/m);
      await ok('images', 'tag', 'base:1', 'other:1');
      await ok('images', 'save', '-o', 'other.tar', 'other:1');
      await ok('images', 'rm', 'other:1');
      const gone = await line.call(['images', 'rm', 'other:1']);
      expect(gone).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('other:1') });
      expect(await ok('images', 'load', 'other.tar')).toContain('other:1\n');
      expect(await line.json(['images', 'rm', 'other:1', 'none:1'])).toMatchObject({
        done: ['other:1'],
        failed: [{ name: 'none:1', error: { reason: 'image.not-found' } }],
      });
    });

    verifies(
      'R-PRIM-5',
      'an image that is not there says how it is had, and --pull never asks nobody',
      async () => {
        const { exitCode, stderr } = await line.call([
        'run', '--pull', 'never', '--image', 'none:1', '--no-workspace', '--', 'true',
      ]); // prettier-ignore
        expect(exitCode).toBe(125);
        expect(stderr).toContain('sovereign images pull');
      },
    );

    verifies(
      ['R-PRIM-1', 'R-PRIM-4'],
      'a container of an image with a volume: made, started, changed, committed, forked',
      async () => {
        await ok('volume', 'create', 'rows', '--label', 'purpose=test');
        await ok(
          'create',
          '-q',
          '--image',
          'base:1',
          '-v',
          'rows:/rows',
          '--no-workspace',
          '--no-start',
          '--name',
          'db',
        );
        expect(await line.json(['ps', '--all'])).toMatchObject({
          sandboxes: [{ name: 'db', state: 'created' }],
        });
        await ok('start', 'db');
        await ok('exec', 'db', 'sh', '-c', 'echo row > /rows/1; echo new > /etc/new');
        expect((await ok('diff', 'db')).split('\n')).toContain('A /etc/new');
        expect(await ok('volume', 'ls')).toMatch(/^rows +none +sbx_/m);
        expect((await line.call(['volume', 'rm', 'rows'])).stderr).toContain('Detach it');
        await ok('commit', 'db', 'db:ready');
        expect(await ok('run', '-q', '--image', 'db:ready', '--no-workspace', '--', 'cat', '/etc/new')).toBe(
          'new\n',
        );
        const running = await line.call(['fork', 'db']);
        expect(running.exitCode).toBe(125);
        expect(running.stderr).toMatch(/copies the files of one that stands still.*sovereign stop sbx_/s);
        await ok('pause', 'db');
        const [fork] = (await ok('fork', 'db', '--name', 'second')).split('\n');
        expect(fork).toMatch(/^sbx_/);
        await ok('unpause', 'db');
        await ok('start', 'second');
        expect(await ok('exec', 'second', 'cat', '/etc/new')).toBe('new\n');
        await ok('restart', 'second', '--grace', '0s');
        expect(await ok('stats', '--once')).toMatch(/^sbx_\w+ +second/m);
        await ok('exec', '-d', 'second', 'sleep', '60');
        expect(await ok('top', 'second')).toContain('sleep 60');
        await ok('rm', '--force', 'db', 'second');
        await ok('volume', 'rm', 'rows');
        await ok('images', 'rm', 'db:ready');
      },
    );

    verifies(
      ['R-PRIM-6', 'R-PRIM-7'],
      'a task is completed by its name; gc shows before it does',
      async () => {
        const inTask = ['--no-workspace', '-q', '--strategy', 'task', '--scope', 'build-1'];
        const made = [await ok('create', ...inTask), await ok('create', ...inTask, '--no-start')].join('');
        const kept = (await ok('create', '-q', '--no-workspace', '--max-age', '1s')).trim();
        expect(await ok('task', 'ls')).toContain('build-1');
        const removed = await ok('task', 'complete', 'build-1', '--grace', '0s');
        expect(removed.split('\n').toSorted()).toEqual(made.split('\n').toSorted());
        const item = `sandbox/${kept}`;
        const items = await eventually('its age is up', async () => {
          const plan = (await line.json(['gc', '--dry-run', item])) as { readonly items: readonly object[] };
          return plan.items.length > 0 && plan.items;
        });
        expect(items).toMatchObject([{ id: item, kind: 'expired', act: 'stop' }]);
        expect(await line.json(['gc', item])).toMatchObject({ items: [{ id: item, failure: null }] });
        expect(await line.json(['gc', '--dry-run', item])).toMatchObject({ items: [] });
        expect(await line.json(['ps', '-a'])).toMatchObject({ sandboxes: [{ id: kept, state: 'stopped' }] });
        await ok('rm', kept);
      },
    );

    verifies('R-NEW-8', 'what is written in a reviewed workspace waits for apply', async () => {
      const file = (name: string): string => join(line.workspace, name);
      await writeFile(file('kept'), 'old\n');
      const script = 'echo new > kept; echo more > added';
      await ok('run', '-q', '--review', '--keep', '--name', 'careful', '--', 'sh', '-c', script);
      expect(await readFile(file('kept'), 'utf8')).toBe('old\n');
      expect((await ok('diff', '--workspace', 'careful')).split('\n').toSorted()).toEqual([
        '',
        'A added',
        'C kept',
      ]);
      expect(await ok('apply', 'careful', 'kept')).toBe('C kept\n');
      expect(await readFile(file('kept'), 'utf8')).toBe('new\n');
      expect(existsSync(file('added'))).toBe(false);
      await ok('rm', '--force', 'careful');
      expect(await readdir(line.workspace)).not.toContain('added');
    });

    verifies('R-PRIM-7', 'run leaves nothing, also when it is an image that it runs', async () => {
      await ok('run', '-q', '--image', 'base:1', '--no-workspace', '--', 'true');
      expect(await line.json(['ps', '-a'])).toMatchObject({ sandboxes: [] });
    });

    test('completion knows images, volumes and networks', async () => {
      const complete = (...words: readonly string[]) => ok('__complete', '--', ...words);
      expect(await complete('images', 'rm', 'ba')).toBe('base:1\n');
      expect(await complete('volume', '')).toContain('attach\n');
      expect(await complete('gc', '--dr')).toBe('--dry-run\n');
    });
  });
});
