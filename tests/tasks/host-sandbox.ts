import { spawn, type ChildProcess } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecRequest, FileChange, FileInfo } from '@sovereign/core';
import { eventually } from '@sovereign/testkit';
import type { TaskProcess, TaskResult, TaskSandbox } from './task.ts';

const baseEnv = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/tmp',
  PYTHONPATH: fileURLToPath(new URL('../../python', import.meta.url)),
  PYTHONDONTWRITEBYTECODE: '1',
};

/** The reference: tasks without any isolation, straight on the host. No terminals: Node has none to give. */
export async function openHostSandbox(): Promise<TaskSandbox> {
  const root = await mkdtemp(join(tmpdir(), 'svt-tasks-'));
  return {
    workspacePath: root,
    files: {
      read: (path) => readWhole(path),
      write: async (path, content, options = {}) => {
        if (options.makeParents === true) await mkdir(dirname(path), { recursive: true });
        if (!(content instanceof Uint8Array)) throw new Error('the reference writes bytes only');
        await writeFile(path, content, options.mode === undefined ? {} : { mode: options.mode });
        return infoOf(path);
      },
      stat: (path) => infoOf(path),
      list: async (path) => {
        const names = (await readdir(path)).sort();
        return {
          entries: await Promise.all(names.map((name) => infoOf(join(path, name)))),
          total: names.length,
        };
      },
      makeDirectory: async (path) => {
        await mkdir(path, { recursive: true });
      },
      rename: () => Promise.reject(new Error('no task renames')),
      remove: () => Promise.reject(new Error('no task removes')),
      watch: (path, signal) => Promise.resolve(watchDirectory(path, signal)),
    },
    exec: async (request) => {
      const child = startChild(request);
      feed(child, request);
      const { code, stdout, stderr } = await ended(child, request);
      return { exitCode: code, stdout, stderr };
    },
    start: (request) => Promise.resolve(asTaskProcess(startChild(request), request)),
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}

function startChild(request: ExecRequest): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...baseEnv, ...request.env };
  const words = [request.command, ...(request.args ?? [])];
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const { pty } = request;
  // script(1) lends the reference a terminal.
  const [command, args] =
    pty === undefined
      ? [request.command, [...(request.args ?? [])]]
      : ['script', ['-qec', `stty rows ${pty.rows} cols ${pty.columns}; ${quoted}`, '/dev/null']];
  return spawn(command, args, {
    env,
    stdio: 'pipe',
    detached: true,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
  });
}

function feed(child: ChildProcess, { stdin }: ExecRequest): void {
  if (typeof stdin === 'string' || stdin instanceof Uint8Array) child.stdin?.end(stdin);
  else child.stdin?.end();
}

interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

function ended(child: ChildProcess, request: ExecRequest): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let isTimedOut = false;
  child.stdout?.on('data', (data: Buffer) => out.push(data));
  child.stderr?.on('data', (data: Buffer) => err.push(data));
  const timer = setTimeout(() => {
    isTimedOut = true;
    // Its own process group: what the command started ends with it.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, request.timeoutMs ?? 60_000);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const exitCode = isTimedOut ? 124 : (code ?? (signal === 'SIGTERM' ? 143 : 137));
      resolve({ code: exitCode, stdout: Buffer.concat(out), stderr: Buffer.concat(err) });
    });
  });
}

function asTaskProcess(child: ChildProcess, request: ExecRequest): TaskProcess {
  let seen = '';
  child.stdout?.on('data', (data: Buffer) => (seen += data.toString('utf8')));
  const end = ended(child, request);
  return {
    write: (text) => Promise.resolve(void child.stdin?.write(text)),
    endStdin: () => Promise.resolve(void child.stdin?.end()),
    signal: (name) => Promise.resolve(void child.kill(name)),
    until: (pattern) => eventually(String(pattern), () => pattern.test(seen) && seen),
    ended: end.then(({ code, stderr }): TaskResult => ({ code, out: seen, err: stderr.toString() })),
  };
}

async function* readWhole(path: string): AsyncGenerator<Uint8Array> {
  yield await readFile(path);
}

async function infoOf(path: string): Promise<FileInfo> {
  const info = await stat(path);
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    kind: info.isDirectory() ? 'directory' : 'file',
    mode: info.mode & 0o7777,
    size: info.size,
    modifiedMs: Math.floor(info.mtimeMs),
    uid: info.uid,
    gid: info.gid,
    links: info.nlink,
    target: null,
  };
}

/** Node says `rename` for coming and going alike; the order in which a task makes and removes tells them apart. */
function watchDirectory(path: string, signal: AbortSignal | undefined): AsyncIterable<FileChange> {
  const events: FileChange[] = [];
  let wake: (() => void) | undefined;
  const present = new Set<string>();
  const watcher = watch(path, signal === undefined ? {} : { signal }, (event, name) => {
    if (event !== 'rename' || name === null) return;
    const kind = present.delete(name) ? 'removed' : 'created';
    if (kind === 'created') present.add(name);
    events.push({ kind, name });
    wake?.();
  });
  return (async function* (): AsyncGenerator<FileChange> {
    try {
      for (;;) {
        const next = events.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      watcher.close();
    }
  })();
}
