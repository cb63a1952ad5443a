import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findShelld } from '@sovereign/guest';
import { hostProcessesNamed, skipOrFail, verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';

interface Launched {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `shelld launch` as nobody of ours would call it. */
describe('shelld launch by hand', () => {
  const inDirectory = async (
    act: (directory: string, launch: (...args: readonly string[]) => Launched) => Promise<void>,
  ): Promise<void> => {
    const directory = await mkdtemp(join(tmpdir(), 'svl-'));
    await chmod(directory, 0o755);
    const launch = (...args: readonly string[]): Launched => {
      const { status, stdout, stderr } = spawnSync(findShelld(), ['launch', ...args], {
        cwd: directory,
        encoding: 'utf8',
        timeout: 20_000,
      });
      return { status, stdout, stderr };
    };
    try {
      await act(directory, launch);
      expect(await hostProcessesNamed(directory)).toEqual([]);
      expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };
  const idBase = process.getuid?.() === 0 ? ['--id-base', '70000'] : [];
  const base = ['--stage', '/mnt', '--listen', 's', '--console', 'c'];

  verifies(
    'R-TIER-3',
    'options that make no sense are refused with exit code 2 and the usage, and nothing is made',
    async () => {
      await inDirectory(async (directory, launch) => {
        const many = (option: string, value: (index: number) => string): readonly string[] =>
          Array.from({ length: 17 }, (_, index) => [option, value(index)]).flat();
        const bad: readonly (readonly string[])[] = [
          [],
          ['--'],
          ['--stage'],
          ['--bogus', 'x', '--', '/bin/true'],
          base,
          [...base, '--'],
          [...base, 'true'],
          ...[
            '',
            '-1',
            '0',
            '65535',
            'x',
            '1x',
            ' 70000',
            '+70000',
            '4294967295',
            '99999999999999999999',
            '4294836226',
          ].map((id) => [...base, '--id-base', id, '--', '/bin/true']),
          ...['', '-1', '0', 'x', '3600001'].map((ms) => [...base, '--timeout-ms', ms, '--', '/bin/true']),
          ...[
            '',
            '=',
            'x',
            '=x',
            '/tmp=',
            '/tmp=a/b',
            '/tmp=.',
            '/tmp=..',
            '/tmp=.hidden',
            '/tmp=a=/b',
          ].flatMap((value) =>
            ['--workspace', '--shifted', '--plain', '--shield', '--pin', '--overlay'].map((option) => [
              ...base,
              option,
              value,
              '--',
              '/bin/true',
            ]),
          ),
          [...base, ...many('--shifted', (index) => `/tmp=n${index}`), '--', '/bin/true'],
          [...base, ...many('--plain', (index) => `/tmp=n${index}`), '--', '/bin/true'],
          [...base, ...many('--shield', (index) => `a=n${index}`), '--', '/bin/true'],
          [...base, ...many('--pin', (index) => `a=n${index}`), '--', '/bin/true'],
          [...base, ...many('--cgroup', () => '/tmp'), '--', '/bin/true'],
        ];
        for (const args of bad) {
          const { status, stdout, stderr } = launch(...args);
          expect([status, stdout], args.join(' ')).toEqual([2, '']);
          expect(stderr).toContain('usage: shelld launch');
        }
        expect(await readdir(directory)).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-3',
    'steps that fail say which in one line, and leave neither socket nor mount nor process',
    async () => {
      await inDirectory(async (directory, launch) => {
        await writeFile(join(directory, 'file'), 'kept');
        await symlink(join(directory, 'file'), join(directory, 'link'));
        const long = 'd'.repeat(120);
        const failing: readonly (readonly [readonly string[], RegExp])[] = [
          [
            ['--stage', '/mnt', '--listen', long, '--console', 'c', ...idBase, '--', '/bin/true'],
            /socket path.*too long/,
          ],
          [
            ['--stage', '/mnt', '--listen', 'no/s', '--console', 'c', ...idBase, '--', '/bin/true'],
            /listen on/,
          ],
          [
            ['--stage', '/mnt', '--listen', 'file', '--console', 'c', ...idBase, '--', '/bin/true'],
            /listen on file: .*in use/,
          ],
          [
            ['--stage', '/mnt', '--listen', 's', '--console', 'link', ...idBase, '--', '/bin/true'],
            /open link/,
          ],
          [
            ['--stage', '/mnt', '--listen', 's', '--console', 'no/c', ...idBase, '--', '/bin/true'],
            /open no\/c/,
          ],
          [
            ['--stage', '/not/there', '--listen', 's', '--console', 'c', ...idBase, '--', '/bin/true'],
            /mount tmpfs/,
          ],
          [[...base, ...idBase, '--', '/not/there'], /execute \/not\/there/],
          [[...base, ...idBase, '--', directory], /execute/],
          [[...base, ...idBase, '--', ''], /execute/],
          [[...base, ...idBase, '--cgroup', '/not/there', '--', '/bin/true'], /join cgroup/],
          [[...base, ...idBase, '--cgroup', directory, '--', '/bin/true'], /join cgroup/],
          [[...base, ...idBase, '--workspace', '/not/there=w', '--', '/bin/true'], /\/not\/there/],
          [[...base, ...idBase, '--shifted', `${'/x'.repeat(2_100)}=s`, '--', '/bin/true'], /too long|stat/],
          [
            [...base, ...idBase, '--shifted', `/tmp=${'n'.repeat(4_090)}`, '--', '/bin/true'],
            /too long|stat|mkdir/,
          ],
          [[...base, ...idBase, '--overlay', 'root=lower', '--', '/bin/true'], /not NAME=LOWER@LAYER|usage/],
          [[...base, ...idBase, '--overlay', `root=${'l'.repeat(600)}@layer`, '--', '/bin/true'], /too long/],
          [[...base, ...idBase, '--overlay', 'root=lower@layer', '--', '/bin/true'], /open layer lower/],
          [[...base, ...idBase, '--status-from-launcher', '--', '/bin/true'], /^$/],
        ];
        for (const [args, said] of failing) {
          const { status, stdout, stderr } = launch(...args);
          expect([status === 1 || status === 2, stdout], `${args.join(' ')}: ${stderr}`).toEqual([true, '']);
          expect(stderr).toMatch(said);
          expect(existsSync(join(directory, 's')), args.join(' ')).toBe(false);
          await rm(join(directory, 'c'), { force: true });
        }
        expect(await readFile(join(directory, 'file'), 'utf8')).toBe('kept');
        expect((await readdir(directory)).toSorted()).toEqual(['file', 'link']);
      });
    },
  );

  verifies(
    'R-TIER-3',
    'paths are paths, whatever is in them; a relative launcher, an awkward workspace, a shield that is a link',
    async (context) => {
      if (process.getuid?.() !== 0) skipOrFail(context, 'root', 'what is staged is looked at as root');
      await inDirectory(async (directory, launch) => {
        const names = [
          'a=b',
          'a=b=c',
          'a:b',
          'a,b',
          'with space',
          'new\nline',
          'ünïcödé',
          '%s%n',
          '@',
          '--',
          'x'.repeat(255),
        ];
        for (const name of names) {
          const workspace = join(directory, 'names', name);
          await mkdir(workspace, { recursive: true });
          await writeFile(join(workspace, 'found'), name);
          await symlink('/etc/shadow', join(workspace, 'shield'));
          await mkdir(join(workspace, 'held'), { recursive: true });
          await writeFile(join(directory, 'out'), '');
          await chmod(join(directory, 'out'), 0o666);
          await writeFile(
            join(directory, 'launcher'),
            `#!/bin/sh\ncat /mnt/w/found > '${directory}/out'; ls /mnt >> '${directory}/out'; cat /mnt/shield >> '${directory}/out'\n`,
            { mode: 0o755 },
          );
          const { status, stderr } = launch(
            ...base,
            ...idBase,
            '--workspace',
            `${workspace}=w`,
            '--shield',
            'shield=shield',
            '--shield',
            '../../launcher=up',
            '--shield',
            '/etc/passwd=absolute',
            '--pin',
            'held=held',
            '--',
            './launcher',
          );
          expect([status, stderr], name).toEqual([0, '']);
          await expect.poll(() => readFile(join(directory, 'out'), 'utf8')).toBe(`${name}held\nw\n`);
          await expect.poll(() => hostProcessesNamed(join(directory, 'launcher'))).toEqual([]);
          for (const left of ['s', 'c', 'out', 'launcher']) await rm(join(directory, left), { force: true });
          await rm(workspace, { recursive: true });
        }
      });
    },
  );

  verifies(
    'R-TIER-3',
    'two launches on one socket: the second is refused and the first is left alone',
    async () => {
      await inDirectory(async (directory, launch) => {
        const first = launch(...base, ...idBase, '--', '/bin/sleep', '1000');
        expect(first.status, first.stderr).toBe(0);
        const { pid } = JSON.parse(first.stdout) as { pid: number };
        try {
          const second = launch(...base, ...idBase, '--', '/bin/sleep', '1000');
          expect(second).toMatchObject({ status: 1, stderr: expect.stringMatching(/in use/) });
          expect(existsSync(join(directory, 's'))).toBe(true);
          expect((await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('/bin/sleep')).toBe(true);
        } finally {
          process.kill(pid, 'SIGKILL');
        }
        await rm(join(directory, 's'));
      });
    },
  );
});
