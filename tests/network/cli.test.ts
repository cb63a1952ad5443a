import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';
import { CommandLine } from '../cli/command.ts';
import { tiers } from './scene.ts';

const persistent = tiers.includes('quilt') ? (['quilt'] as const) : [];

const server = ['/usr/bin/python3', '-u', '-m', 'http.server', '8080', '--bind', '127.0.0.1'];

async function inLine(body: (line: CommandLine) => Promise<void>): Promise<void> {
  const line = await CommandLine.create();
  try {
    await body(line);
  } finally {
    await line.dispose();
  }
}

async function brokers(line: CommandLine): Promise<readonly string[]> {
  return readdir(join(line.home, 'state', 'brokers')).catch(() => []);
}

/** A sandbox with a web server in it. */
async function serve(line: CommandLine, name: string): Promise<void> {
  const { stderr, exitCode } = await line.call([
    'run',
    '--no-workspace',
    '-d',
    '--name',
    name,
    '--',
    ...server,
  ]);
  expect(exitCode, stderr).toBe(0);
}

async function curl(line: CommandLine, name: string, url: string): Promise<string> {
  const { stdout, stderr } = await line.call(['exec', name, '--', 'curl', '-sS', '--max-time', '10', url]);
  return stdout + stderr;
}

describe.each(persistent)('the command line on %s', () => {
  verifies(
    ['R-NEW-2', 'R-PRIM-3'],
    'a detached link and port are held by brokers, until rm, and go with their sandbox',
    async () => {
      await inLine(async (line) => {
        await serve(line, 'docs');
        await line.call(['run', '--no-workspace', '-d', '--name', 'web']);
        expect(await line.call(['link', '-d', 'web', 'docs', '8080'])).toMatchObject({ exitCode: 0 });
        const published = await line.json(['port', 'publish', '-d', 'docs', '8080']);
        const url = `http://127.0.0.1:${String(published['hostPort'])}/`;
        await eventually('it serves', async () =>
          (await curl(line, 'web', 'http://docs:8080/')).includes('Directory listing'),
        );
        expect(await (await fetch(url)).text()).toContain('Directory listing');
        expect(await brokers(line)).toHaveLength(2);
        const { stdout: graph } = await line.call(['network', 'graph']);
        expect(Buffer.from(graph, 'latin1').toString()).toMatch(/web {2}──8080──▶ {2}docs/);
        expect((await line.call(['network', 'graph', '--svg'])).stdout).toContain('</svg>');

        expect(await line.call(['link', 'rm', 'web', 'docs', '8080'])).toMatchObject({ exitCode: 0 });
        expect(await curl(line, 'web', 'http://docs:8080/')).toContain('Could not resolve host');
        expect((await line.call(['link', 'rm', 'web', 'docs', '8080'])).stderr).toContain('There is no link');
        expect((await line.call(['link', 'web', 'nobody', '8080'])).stderr).toContain('nobody');
        for (const words of [['docs'], ['docs:8080', '8080'], ['docs:']]) {
          const refused = await line.call(['link', 'web', ...words]);
          expect([words, refused.exitCode, refused.stderr]).toEqual([
            words,
            2,
            expect.stringContaining('port'),
          ]);
        }

        // The same in one word.
        expect(await line.call(['link', '-d', 'web', 'docs:8080'])).toMatchObject({ exitCode: 0 });
        expect(await curl(line, 'web', 'http://docs:8080/')).toContain('Directory listing');
        expect(await line.call(['link', 'rm', 'web', 'docs:8080'])).toMatchObject({ exitCode: 0 });

        await line.call(['rm', '-f', 'docs']);
        await eventually('the broker of the port has gone', async () => (await brokers(line)).length === 0);
        await expect(fetch(url)).rejects.toThrow();
      });
    },
  );

  verifies('R-NEW-2', 'a broker that is killed leaves neither link nor record', async () => {
    await inLine(async (line) => {
      await serve(line, 'docs');
      await line.call(['run', '--no-workspace', '-d', '--name', 'web']);
      const { broker } = await line.json(['link', '-d', 'web', 'docs', '8080']);
      process.kill(Number(broker), 'SIGKILL');
      await eventually('the link is gone', async () =>
        (await curl(line, 'web', 'http://docs:8080/')).includes('Could not resolve host'),
      );
      expect(await line.json(['link', 'ls'])).toEqual({ links: [] });
      expect(await brokers(line)).toEqual([]);
    });
  });

  verifies(
    ['R-NEW-2', 'R-PRIM-3'],
    'a link in the foreground lasts until Ctrl-C, and cannot be taken from elsewhere',
    async () => {
      await inLine(async (line) => {
        await serve(line, 'docs');
        await line.call(['run', '--no-workspace', '-d', '--name', 'web']);
        const held = line.start(['link', 'web', 'docs', '8080']);
        await eventually('it is held', () => held.stdout().includes('web reaches docs:8080'));
        await eventually('it serves', async () =>
          (await curl(line, 'web', 'http://docs:8080/')).includes('Directory listing'),
        );
        expect((await line.call(['link', 'rm', 'web', 'docs', '8080'])).stderr).toContain(
          'runs in the foreground',
        );
        held.child.kill('SIGINT');
        expect(await held.ended).toMatchObject({ exitCode: 130 });
        expect(await brokers(line)).toEqual([]);
        expect(await curl(line, 'web', 'http://docs:8080/')).toContain('Could not resolve host');
      });
    },
  );

  verifies(
    ['R-NEW-1', 'R-NEW-2'],
    'run takes rules and ports; for a sandbox that stays they are brokered',
    async () => {
      await inLine(async (line) => {
        const refused = await line.call([
          ...[
            'run',
            '--no-workspace',
            '--allow-host',
            'example.com',
            '--',
            'curl',
            '-sS',
            '--max-time',
            '10',
            'http://other.example/',
          ],
        ]);
        expect(refused.stdout).toContain('egress.denied');
        expect(
          (await line.call(['run', '--no-workspace', '--allow-host', 'not a rule', '--', 'true'])).stderr,
        ).toContain('malformed');
        expect((await line.call(['run', '--no-workspace', '--publish', 'x', '--', 'true'])).exitCode).toBe(2);

        const options = [
          '--no-workspace',
          '-d',
          '--name',
          'kept',
          '--allow-host',
          'example.com',
          '-p',
          '8080',
        ];
        expect(await line.call(['run', ...options, '--', ...server])).toMatchObject({ exitCode: 0 });
        expect(await brokers(line)).toHaveLength(2);
        expect(await curl(line, 'kept', 'http://other.example/')).toContain('egress.denied');
        const { ports } = (await line.json(['port', 'ls'])) as { ports: readonly { hostPort: number }[] };
        await eventually('it serves', () =>
          fetch(`http://127.0.0.1:${ports[0]?.hostPort ?? 0}/`).then(
            ({ status }) => status === 200,
            () => false,
          ),
        );
        expect(await line.call(['egress', 'rm', 'kept'])).toMatchObject({ exitCode: 0 });
        expect(await curl(line, 'kept', 'http://other.example/')).toContain('Could not resolve host');
      });
    },
  );
});
