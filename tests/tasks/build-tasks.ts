import { scriptTask, type Task } from './task.ts';

/** Compilers, git, servers, terminals, nodes and watchers: the work of a developer. */
export const buildTasks: readonly Task[] = [
  {
    id: 'cc',
    title: 'a C program is compiled and run',
    needs: ['cc'],
    expected: { code: 3, out: 'hello from 2 arguments\n', err: '' },
    run: async ({ write, sh }) => {
      await write(
        'hello.c',
        '#include <stdio.h>\nint main(int n, char **v) { printf("hello from %d arguments\\n", n - 1); (void)v; return 3; }\n',
      );
      return sh('cc -O2 -Wall -Werror -o hello hello.c && ./hello a b');
    },
  },
  {
    id: 'make',
    title: 'make builds what is out of date and nothing else',
    needs: ['make', 'cc'],
    expected: {
      code: 0,
      out: 'cc main.c\ncc part.c\nlink\n42\n--\nnothing\n--\ncc part.c\nlink\n43\n',
      err: '',
    },
    run: async ({ write, sh }) => {
      await write(
        'Makefile',
        'app: main.o part.o\n\t@echo link; cc -o $@ $^\n%.o: %.c\n\t@echo cc $<; cc -c -o $@ $<\n',
      );
      await write(
        'main.c',
        '#include <stdio.h>\nint part(void);\nint main(void) { printf("%d\\n", part()); return 0; }\n',
      );
      await write('part.c', 'int part(void) { return 42; }\n');
      return sh(
        `make -s && ./app; echo --; make -q && echo nothing; echo --; sed -i s/42/43/ part.c; touch -d '+1 minute' part.c; make -s 2>/dev/null && ./app`,
      );
    },
  },
  {
    id: 'git',
    title: 'git: init, commit, branch, merge, conflict-free history, clone, diff',
    needs: ['git'],
    expected: {
      code: 0,
      out: 'main\n 2 files changed, 2 insertions(+)\nmerge\nfirst\nfeature\nclean\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+ONE\n',
      err: '',
    },
    run: ({ sh }) =>
      sh(
        `set -e
git init -q -b main repo; cd repo
echo one > a; git add a; git commit -q -m first; git branch --show-current
git checkout -q -b feature; echo two > b; echo three > c; git add .; git commit -m feature | tail -3 | grep changed
git checkout -q main; git merge -q --no-ff -m merge feature; git log --first-parent --format=%s
cd ..; git clone -q repo copy; cd copy; git log -1 --format=%s feature 2>/dev/null || git log -1 --format=%s origin/feature
test -z "$(git status --porcelain)" && echo clean
echo ONE > a; git diff | tail -n +3`,
        {
          env: {
            HOME: '/tmp',
            GIT_AUTHOR_NAME: 'A',
            GIT_AUTHOR_EMAIL: 'a@example.com',
            GIT_COMMITTER_NAME: 'A',
            GIT_COMMITTER_EMAIL: 'a@example.com',
            GIT_CONFIG_GLOBAL: '/dev/null',
            GIT_CONFIG_SYSTEM: '/dev/null',
          },
        },
      ),
  },
  {
    id: 'web-server',
    title: 'a web server in the background, asked from a second command, then ended',
    needs: ['python3'],
    expected: { body: 'served ✓\n', status: '200', missing: '404', ended: true },
    run: async ({ start, write, python, directory }) => {
      await write('site/page.txt', 'served ✓\n');
      const source = `import http.server, functools, sys\nh = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])\ns = http.server.ThreadingHTTPServer(("127.0.0.1", 0), h)\nprint("port", s.server_port, flush=True)\ns.serve_forever()`;
      const server = await start('python3', ['-c', source, `${directory}/site`]);
      const port = /port (\d+)/.exec(await server.until(/port \d+/))?.[1] ?? '';
      const ask = `import urllib.request, urllib.error, sys\ntry:\n    r = urllib.request.urlopen("http://127.0.0.1:" + sys.argv[1] + sys.argv[2], timeout=10); print(r.status, r.read().decode(), sep="|", end="")\nexcept urllib.error.HTTPError as e: print(e.code)`;
      const page = await askPage(python, ask, port, '/page.txt');
      const missing = await askPage(python, ask, port, '/nothing');
      await server.signal('SIGTERM');
      const { code } = await server.ended;
      const [status, body] = page.split('|');
      return { body, status, missing: missing.trim(), ended: code === 143 };
    },
  },
  {
    id: 'terminal',
    title: 'a program that asks at a terminal, at the size it was given',
    needs: ['python3'],
    expected: { code: 0, hasSize: true, hasAnswer: true, isTty: true },
    run: async ({ start }) => {
      const source = `import os, sys\ns = os.get_terminal_size()\nprint("size", s.columns, s.lines, sys.stdin.isatty(), flush=True)\nn = input("name? ")\nprint("hello", n.upper())`;
      const program = await start('python3', ['-c', source], {
        pty: { rows: 30, columns: 100 },
        env: { TERM: 'xterm' },
      });
      await program.until(/name\? /);
      await program.write('ada\n');
      const { code, out } = await program.ended;
      return {
        code,
        hasSize: out.includes('size 100 30'),
        isTty: out.includes('True'),
        hasAnswer: out.includes('hello ADA'),
      };
    },
  },
  {
    id: 'node',
    title: 'a node program: modules, promises, child processes, a server on loopback',
    needs: ['node'],
    expected: { code: 0, out: 'worker 42\nchild hello\nhttp 200 pong\n', err: '' },
    run: async ({ write, run }) => {
      await write(
        'app.mjs',
        `import { Worker } from 'node:worker_threads';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
const answer = await new Promise((resolve) => new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true }).on('message', resolve));
console.log('worker', answer);
console.log('child', execFileSync('echo', ['hello']).toString().trim());
const server = http.createServer((_, r) => r.end('pong')).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const response = await fetch('http://127.0.0.1:' + server.address().port);
console.log('http', response.status, await response.text());
server.close(); server.closeAllConnections();
`,
      );
      return run('node', ['app.mjs']);
    },
  },
  {
    id: 'watching',
    title: 'what a command changes in a directory is watched from outside the command',
    needs: ['sh'],
    expected: ['created made', 'removed made'],
    run: async ({ sandbox, directory, sh }) => {
      const stop = new AbortController();
      const changes = await sandbox.files.watch(directory, stop.signal);
      await sh('echo x > made; rm made');
      const seen: string[] = [];
      for await (const { kind, name } of changes) {
        if (kind === 'created' || kind === 'removed') seen.push(`${kind} ${name}`);
        if (kind === 'removed') break;
      }
      stop.abort();
      return seen;
    },
  },
  {
    id: 'files-and-commands',
    title: 'files written from outside are used by commands, and what they make is read outside',
    needs: ['sh'],
    expected: { out: '3 6 18\n', listed: ['in.txt', 'result.txt'], mode: 0o640, content: 'A B C\n' },
    run: async ({ sandbox, directory, sh, write }) => {
      await write('in.txt', 'line 1\nline 2\nline 3');
      const { out } = await sh(
        `awk 'END{print NR}' in.txt | tr '\\n' ' '; wc -w < in.txt | tr '\\n' ' '; printf '%s' x | cat in.txt - | wc -c | awk '{print $1-3}'; umask 0; echo 'A B C' > result.txt; chmod 640 result.txt`,
      );
      const { entries } = await sandbox.files.list(directory);
      const { mode } = await sandbox.files.stat(`${directory}/result.txt`);
      const pieces: Uint8Array[] = [];
      for await (const piece of sandbox.files.read(`${directory}/result.txt`))
        pieces.push(Buffer.from(piece));
      return {
        out,
        listed: entries.map(({ name }) => name),
        mode,
        content: Buffer.concat(pieces).toString(),
      };
    },
  },
  {
    id: 'timeout',
    title: 'a command that takes too long is ended with what it said',
    needs: ['sh'],
    expected: { code: 124, out: 'working\n', err: '' },
    run: ({ sh }) => sh('echo working; sleep 1000', { timeoutMs: 400 }),
  },
  scriptTask(
    'curl-refused',
    'curl speaks clearly of a port where nobody listens',
    'sh',
    `command -v curl >/dev/null || { echo 7; exit 0; }; curl -s --max-time 5 http://127.0.0.1:9/; echo $?`,
    '7\n',
  ),
  scriptTask(
    'ownership',
    'what a command makes belongs to the one who made it',
    'sh',
    `echo x > mine; [ "$(stat -c %u mine)" = "$(id -u)" ] && [ "$(stat -c %u .)" = "$(id -u)" ] && echo same; chown "$(id -u)" mine && echo chown`,
    'same\nchown\n',
  ),
];

async function askPage(
  python: (
    source: string,
    options: { readonly args: readonly string[] },
  ) => Promise<{ readonly out: string }>,
  source: string,
  port: string,
  path: string,
): Promise<string> {
  return (await python(source, { args: ['-c', source, port, path] })).out;
}
