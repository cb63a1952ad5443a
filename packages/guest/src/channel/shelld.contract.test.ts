import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelLimits, encodeFrame } from '@sovereign/protocol';
import type { ByteStream, GuestProcess, ResolvedExec } from '@sovereign/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findShelld } from '../shelld-binary.ts';
import { streamOfStdioPair } from '../transport/stdio-pair.ts';
import { connectUnixSocket } from '../transport/unix-socket.ts';
import { connectGuestChannel } from './guest-channel.ts';

type Channel = ReturnType<typeof connectGuestChannel>;

/** A shelld on this host, with a directory that files may be in. */
class Shelld {
  readonly root: string;
  readonly #directory: string;
  readonly #child;

  static async start(transport: 'socket' | 'stdio'): Promise<Shelld> {
    const directory = await mkdtemp(join(tmpdir(), 'shelld-'));
    await mkdir(join(directory, 'root'));
    return new Shelld(directory, transport);
  }

  readonly transport: 'socket' | 'stdio';

  private constructor(directory: string, transport: 'socket' | 'stdio') {
    this.transport = transport;
    this.#directory = directory;
    this.root = join(directory, 'root');
    const where = transport === 'socket' ? ['--listen', this.#path] : ['--stdio'];
    this.#child = spawn(findShelld(), ['serve', ...where, '--root', this.root], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  get #path(): string {
    return join(this.#directory, 's');
  }

  async connect(): Promise<Channel> {
    return connectGuestChannel(await this.#stream());
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.kill('SIGTERM'))
      await exited;
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #stream(): Promise<ByteStream> {
    if (this.transport === 'stdio')
      return streamOfStdioPair({ input: this.#child.stdout, output: this.#child.stdin });
    for (;;) {
      if (existsSync(this.#path)) {
        try {
          return await connectUnixSocket(this.#path);
        } catch (error) {
          if (this.#child.exitCode !== null) throw error;
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const env = Object.freeze(['PATH=/usr/bin:/bin', 'GREETING=hello']);

function sh(script: string, options: Partial<ResolvedExec> = {}): ResolvedExec {
  return { command: 'sh', args: ['-c', script], cwd: '/', env, ...options };
}

async function collect(process: GuestProcess): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer }> {
  const pieces = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, data } of process) pieces[stream].push(data);
  return { stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr) };
}

/** Reads until the text appears, and leaves the loop there. */
async function until(process: GuestProcess, text: string): Promise<string> {
  let seen = '';
  for await (const { data } of process) {
    seen += Buffer.from(data).toString();
    if (seen.includes(text)) break;
  }
  return seen;
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.each(['socket', 'stdio'] as const)('shelld over %s', (transport) => {
  let shelld: Shelld;
  let channel: Channel;

  beforeAll(async () => {
    shelld = await Shelld.start(transport);
    channel = await shelld.connect();
  });

  afterAll(async () => {
    await channel.close();
    await shelld.stop();
  });

  const run = async (exec: ResolvedExec): Promise<{ readonly stdout: string; readonly exitCode: number }> => {
    const process = channel.exec(exec);
    const { stdout } = await collect(process);
    return { stdout: stdout.toString(), exitCode: (await process.exit).exitCode };
  };

  test('welcome, ping', async () => {
    const welcome = await channel.welcome;
    expect(welcome).toMatchObject({ generation: 1, roots: [shelld.root] });
    expect(await channel.ping()).toBeGreaterThan(0);
    await expect(channel.ping(AbortSignal.abort())).rejects.toMatchObject({ reason: 'operation.cancelled' });
  });

  test('stdout and stderr apart and byte-exact, argv and env as given', async () => {
    const bytes = randomBytes(300_000);
    const process = channel.exec(sh('cat; cat /proc/self/environ >&2', { stdin: bytes }));
    const { stdout, stderr } = await collect(process);
    expect(hashOf(stdout)).toBe(hashOf(bytes));
    expect(stderr.toString().split('\0')).toEqual(expect.arrayContaining([...env]) as string[]);
    expect(await process.exit).toMatchObject({ exitCode: 0, cause: 'exited', stdoutBytes: 300_000 });
    const odd = ['', ' ', '\n', 'ü🙂', '$(x)', '-n'];
    expect(
      (await run(sh('printf "%s|" "$@"', { args: ['-c', 'printf "%s|" "$@"', 'sh', ...odd] }))).stdout,
    ).toBe(`${odd.join('|')}|`);
  });

  test('how it ended is data', async () => {
    const statusOf = (exec: ResolvedExec): GuestProcess['exit'] => channel.exec(exec).exit;
    await expect(statusOf(sh('exit 7'))).resolves.toMatchObject({
      exitCode: 7,
      cause: 'exited',
      signal: null,
    });
    await expect(statusOf(sh('kill -9 $$'))).resolves.toMatchObject({
      exitCode: 137,
      cause: 'signalled',
      signal: 'SIGKILL',
    });
    await expect(statusOf({ ...sh(''), command: 'no-such-program' })).resolves.toMatchObject({
      exitCode: 127,
      cause: 'notFound',
    });
    await expect(statusOf({ ...sh(''), command: '/etc/passwd' })).resolves.toMatchObject({
      exitCode: 126,
      cause: 'notExecutable',
    });
    await expect(statusOf(sh('true', { cwd: '/no/such' }))).resolves.toMatchObject({
      exitCode: 126,
      cause: 'badDirectory',
    });
    await expect(statusOf(sh('sleep 100', { timeoutMs: 100 }))).resolves.toMatchObject({
      exitCode: 124,
      cause: 'timeout',
    });
    await expect(statusOf(sh('echo x; sleep 100', { idleTimeoutMs: 100 }))).resolves.toMatchObject({
      exitCode: 124,
      cause: 'idleTimeout',
    });
    const killed = channel.exec(sh('sleep 100 & sleep 100'));
    await killed.kill();
    await expect(killed.exit).resolves.toMatchObject({ exitCode: 137, cause: 'killed' });
  });

  test('10 MiB through stdin under backpressure', async () => {
    const content = randomBytes(10 * 1_048_576);
    const process = channel.exec({ ...sh('sleep 0.2; cat'), openStdin: true });
    const output = collect(process);
    for (let at = 0; at < content.length; at += 100_000)
      await process.write(content.subarray(at, at + 100_000));
    await process.endStdin();
    await process.endStdin();
    await expect(process.write(Uint8Array.of(1))).rejects.toMatchObject({ reason: 'argument.invalid' });
    expect(hashOf((await output).stdout)).toBe(hashOf(content));
    await expect(process.write(Uint8Array.of(1))).rejects.toThrow();
    expect(await channel.ping()).toBeGreaterThan(0);
  });

  test('stdin that nobody reads holds the writer, and its end lets go', async () => {
    const process = channel.exec({ ...sh('sleep 100'), openStdin: true });
    let isHeld = true;
    const write = process.write(new Uint8Array(4 * 1_048_576)).finally(() => (isHeld = false));
    await process.started;
    await channel.ping();
    expect(isHeld).toBe(true);
    await process.kill();
    // Between the death of the reader and the news of it the guest takes and drops what is written.
    const [written] = await Promise.allSettled([write]);
    if (written.status === 'rejected') expect(written.reason).toMatchObject({ reason: 'process.not-found' });
    await process.exit;
    await expect(process.write(Uint8Array.of(1))).rejects.toMatchObject({ reason: 'process.not-found' });
    await expect(channel.exec(sh('cat')).write(Uint8Array.of(1))).rejects.toMatchObject({
      reason: 'argument.invalid',
    });
  });

  test('terminal: size, resize, echo', async () => {
    const process = channel.exec({
      ...sh('trap "stty size" WINCH; stty size; read line; read line; echo got $line'),
      openStdin: true,
      pty: { rows: 30, columns: 90 },
    });
    await until(process, '30 90');
    await process.resize({ rows: 40, columns: 120 });
    await process.write(Buffer.from('a\n'));
    await process.write(Buffer.from('b\n'));
    const rest = (await collect(process)).stdout.toString();
    expect(rest).toContain('40 120');
    expect((await process.exit).exitCode).toBe(0);
    expect((await channel.processes()).find((each) => each.hasPty)).toBeDefined();
  });

  test('a signal reaches the process', async () => {
    const process = channel.exec(
      sh('trap "echo caught; exit 3" TERM; echo ready; while :; do sleep 0.05; done'),
    );
    await until(process, 'ready');
    await process.signal('SIGTERM');
    expect((await collect(process)).stdout.toString()).toContain('caught');
    expect((await process.exit).exitCode).toBe(3);
  });

  test('detach lets it run on; attach takes up from the cursor', async () => {
    const process = channel.exec(sh('echo one; read x; echo two', { openStdin: true }));
    await until(process, 'one');
    const { process: id } = await process.started;
    const { cursors } = process;
    await process.detach();
    await expect(process.exit).rejects.toMatchObject({ reason: 'operation.cancelled' });
    const attached = channel.attach(id, cursors);
    await attached.write(Buffer.from('go\n'));
    expect((await collect(attached)).stdout.toString()).toBe('two\n');
    await expect(attached.exit).resolves.toMatchObject({ exitCode: 0, stdoutBytes: 8 });
    const again = channel.attach(id, { stdout: 0, stderr: 0 });
    expect((await collect(again)).stdout.toString()).toBe('one\ntwo\n');
    expect(await channel.processes()).toContainEqual(
      expect.objectContaining({ process: id, isRunning: false, exitCode: 0 }),
    );
    await channel.forgetProcess(id);
    await expect(channel.attach(id, cursors).started).rejects.toMatchObject({ reason: 'process.not-found' });
    await expect(channel.killProcess(999_999)).rejects.toMatchObject({ reason: 'process.not-found' });
  });

  test('an attachment to a process without stdin refuses to write, and the connection lives', async () => {
    const process = channel.exec(sh('sleep 0.3'));
    const { process: id } = await process.started;
    const attached = channel.attach(id, { stdout: 0, stderr: 0 });
    await expect(attached.write(Uint8Array.of(1))).rejects.toMatchObject({ reason: 'argument.invalid' });
    await expect(process.exit).rejects.toMatchObject({ reason: 'operation.cancelled' });
    expect((await attached.exit).exitCode).toBe(0);
  });

  test('a session ends with all its processes', async () => {
    const session = await channel.openSession({ cwd: '/', env: ['A=1'] });
    const process = channel.exec(sh('sleep 100 & sleep 100', { session }));
    await process.started;
    expect((await channel.killSession(session)).killed).toBeGreaterThanOrEqual(1);
    expect((await process.exit).cause).toBe('killed');
    await expect(channel.killSession(session)).rejects.toMatchObject({ reason: 'session.not-found' });
    await expect(channel.exec(sh('true', { session: 9_999 })).exit).rejects.toMatchObject({
      reason: 'session.not-found',
    });
  });

  test('files: write, read, stat, list, rename, remove', async () => {
    const { files } = channel;
    const path = (name: string): string => join(shelld.root, name);
    const content = randomBytes(5 * 1_048_576 + 3);
    await expect(files.write(path('a'), content, { mode: 0o600 })).resolves.toMatchObject({
      name: 'a',
      kind: 'file',
      mode: 0o600,
      size: content.length,
    });
    expect(hashOf(await readFile(path('a')))).toBe(hashOf(content));
    const read: Uint8Array[] = [];
    for await (const chunk of files.read(path('a'))) read.push(chunk);
    expect(hashOf(Buffer.concat(read))).toBe(hashOf(content));
    read.length = 0;
    for await (const chunk of files.read(path('a'), { offset: 1_000, length: 77 })) read.push(chunk);
    expect(Buffer.concat(read).equals(content.subarray(1_000, 1_077))).toBe(true);

    await files.makeDirectory(path('d/e'), { makeParents: true });
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    };
    await files.write(path('d/e/f'), pieces());
    expect(await readFile(path('d/e/f'), 'utf8')).toBe('one two');
    await files.write(path('d/e/f'), Buffer.from('!'), { isAppend: true });
    expect((await files.stat(path('d/e/f'))).size).toBe(8);
    await files.write(path('empty'), new Uint8Array(0));
    for await (const chunk of files.read(path('empty'))) expect.unreachable(String(chunk.length));

    await symlink('a', path('link'));
    await expect(files.stat(path('link'), { noFollow: true })).resolves.toMatchObject({
      kind: 'link',
      target: 'a',
    });
    const page = await files.list(shelld.root, { limit: 3 });
    expect(page).toMatchObject({ total: 4 });
    expect(page.entries.map(({ name }) => name)).toEqual(['a', 'd', 'empty']);
    expect((await files.list(shelld.root, { offset: 3 })).entries.map(({ name }) => name)).toEqual(['link']);

    await files.rename(path('a'), path('b'));
    expect(existsSync(path('b'))).toBe(true);
    await expect(files.remove(path('d'))).rejects.toMatchObject({ reason: 'file.not-empty' });
    expect((await files.remove(path('d'), { isRecursive: true })).removed).toBe(3);
    expect(existsSync(path('d'))).toBe(false);
  });

  test('files: errors have their reasons', async () => {
    const { files } = channel;
    const path = (name: string): string => join(shelld.root, name);
    await writeFile(path('x'), 'x');
    await mkdir(path('dir'), { recursive: true });
    await expect(files.stat(path('none'))).rejects.toMatchObject({ reason: 'file.not-found' });
    await expect(files.stat(path('x/y'))).rejects.toMatchObject({ reason: 'file.not-directory' });
    await expect(files.write(path('dir'), Buffer.from('x'))).rejects.toMatchObject({
      reason: 'file.is-directory',
    });
    await expect(files.write(path('x'), Buffer.from('y'), { isExclusive: true })).rejects.toMatchObject({
      reason: 'file.exists',
    });
    await expect(files.stat('/etc/passwd')).rejects.toMatchObject({ reason: 'file.denied' });
    await expect(files.stat(path('../../etc/passwd'))).rejects.toMatchObject({ reason: 'file.denied' });
    await expect(files.stat('a\0b')).rejects.toMatchObject({ reason: 'argument.invalid' });
    await expect(files.read(path('none'))[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      reason: 'file.not-found',
    });
    await expect(files.watch(path('none'))).rejects.toMatchObject({ reason: 'file.not-found' });
    expect(await readFile(path('x'), 'utf8')).toBe('x');
  });

  test('a write whose content fails leaves the old file and nothing else', async () => {
    const path = join(shelld.root, 'kept');
    await writeFile(path, 'old');
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100_000);
      throw new Error('my source broke');
    };
    await expect(channel.files.write(path, failing())).rejects.toThrow('my source broke');
    await channel.ping();
    expect(await readFile(path, 'utf8')).toBe('old');
    const { entries } = await channel.files.list(shelld.root);
    expect(entries.filter(({ name }) => name.startsWith('.'))).toEqual([]);
  });

  test('a read that is left early ends, and the connection goes on', async () => {
    const path = join(shelld.root, 'large');
    await writeFile(path, new Uint8Array(20 * 1_048_576));
    for (let round = 0; round < 5; round++) {
      for await (const chunk of channel.files.read(path)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    }
    expect((await run(sh('echo $GREETING'))).stdout).toBe('hello\n');
  });

  test('watch: changes from the moment it resolves, until it is left or aborted', async () => {
    const path = await mkdtemp(join(shelld.root, 'watched-'));
    const abort = new AbortController();
    const changes = await channel.files.watch(path, abort.signal);
    await writeFile(join(path, 'new'), 'x');
    const seen: string[] = [];
    for await (const { kind, name } of changes) {
      seen.push(`${kind} ${name}`);
      if (kind === 'modified') abort.abort();
    }
    expect(seen).toEqual(expect.arrayContaining(['created new', 'modified new']) as string[]);
    const others = await channel.files.watch(path);
    await rm(join(path, 'new'));
    for await (const { kind, name } of others) {
      expect([kind, name]).toEqual(['removed', 'new']);
      break;
    }
    await expect(channel.files.watch(path, AbortSignal.abort())).rejects.toMatchObject({
      reason: 'operation.cancelled',
    });
    expect((await lstat(path)).isDirectory()).toBe(true);
  });

  test('200 execs at once, each with its own output', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => run(sh(`echo ${index}; exit ${index % 100}`))),
    );
    expect(results).toEqual(
      Array.from({ length: 200 }, (_, index) => ({ stdout: `${index}\n`, exitCode: index % 100 })),
    );
  });

  test('a slow consumer does not hold up others, and loses nothing', async () => {
    const total = 20_000_000;
    const slow = channel.exec(sh(`head -c ${total} /dev/zero`));
    await slow.started;
    const latencies: number[] = [];
    for (let round = 0; round < 20; round++) {
      const startedMs = performance.now();
      await run(sh('true'));
      latencies.push(performance.now() - startedMs);
    }
    expect(Math.max(...latencies)).toBeLessThan(2_000);
    // What waits on this side is bounded by the window.
    expect(slow.cursors.stdout).toBeLessThanOrEqual(channelLimits.outputWindowBytes);
    expect((await collect(slow)).stdout.length).toBe(total);
  });

  test('a sink and an iteration see the same', async () => {
    const hash = createHash('sha256');
    const script = 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done';
    const process = channel.exec(sh(script), (_stream, data) => void hash.update(data));
    await process.exit;
    for await (const chunk of process) expect.unreachable(String(chunk.cursor));
    expect(hash.digest('hex')).toBe(hashOf((await collect(channel.exec(sh(script)))).stdout));
  });
});

describe('shelld with more than one connection', () => {
  test('a process outlives its connection; the next one attaches with the cursor', async () => {
    const shelld = await Shelld.start('socket');
    try {
      const first = await shelld.connect();
      const process = first.exec(sh('seq 1 1000; read x; seq 1001 2000', { openStdin: true }));
      let seen = await until(process, '\n1000\n');
      const { process: id } = await process.started;
      const { cursors } = process;
      await first.close();
      await expect(process.exit).rejects.toMatchObject({ reason: 'channel.closed' });
      await using second = await shelld.connect();
      const attached = second.attach(id, cursors);
      await attached.write(Buffer.from('\n'));
      seen += (await collect(attached)).stdout.toString();
      expect(seen).toBe(Array.from({ length: 2_000 }, (_, index) => `${index + 1}\n`).join(''));
    } finally {
      await shelld.stop();
    }
  });

  test('when shelld dies, every call fails with channel.closed', async () => {
    const shelld = await Shelld.start('socket');
    const channel = await shelld.connect();
    await channel.welcome;
    const process = channel.exec(sh('sleep 100'));
    await process.started;
    await shelld.stop();
    await expect(channel.closed).resolves.toMatchObject({ reason: 'channel.closed' });
    await expect(channel.ping()).rejects.toMatchObject({ reason: 'channel.closed' });
  });

  test('a connection that shelld ends for our fault shows as closed', async () => {
    const shelld = await Shelld.start('socket');
    const stream = await connectUnixSocketOf(shelld);
    const channel = connectGuestChannel(stream);
    await channel.welcome;
    await stream.write(encodeFrame('exec.started', 1, { process: 1, pid: 1 }));
    await expect(channel.closed).resolves.toMatchObject({ reason: 'channel.closed' });
    await shelld.stop();
  });
});

async function connectUnixSocketOf(shelld: Shelld): Promise<ByteStream> {
  await (await shelld.connect()).close();
  return connectUnixSocket(join(shelld.root, '..', 's'));
}
