import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SovereignError, type Layer } from '@sovereign/protocol';
import { verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Backend, Guest, GuestState } from '../contract/backend.ts';
import type { ByteStream } from '../contract/byte-stream.ts';
import type { ExitStatus, GuestProcess, OutputSink } from '../contract/exec.ts';
import type { GuestFiles } from '../contract/files.ts';
import type { GuestChannel, ResolvedExec } from '../contract/guest-channel.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import { FileLedger } from '../ledger/file-ledger.ts';
import { readLedger, type LedgerRecord } from '../ledger/read-ledger.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';
import type { SovereignRuntimeOptions } from './runtime-options.ts';
import { SovereignRuntime } from './sovereign-runtime.ts';

const unused = (): never => {
  throw new Error('not part of this fixture');
};
const exited: ExitStatus = {
  exitCode: 0, signal: null, cause: 'exited', stdoutBytes: 0, stderrBytes: 0, wallMs: 1, userMs: 0, systemMs: 0, maxRssKib: 0,
}; // prettier-ignore

/** A deferred result. */
function settlement<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Processes by command: `true`, `cat` (echoes stdin), `env`, `sleep` (until killed), `yes <bytes>`, `refused`. */
class FakeProcess implements GuestProcess {
  readonly started: GuestProcess['started'];
  readonly exit: Promise<ExitStatus>;
  readonly cursors = { stdout: 0, stderr: 0 };
  readonly #exit = settlement<ExitStatus>();
  readonly #sink: OutputSink | undefined;
  readonly #command: string;
  killed = 0;
  #bytes = 0;

  constructor(channel: FakeChannel, exec: ResolvedExec, sink: OutputSink | undefined) {
    this.#sink = sink;
    this.#command = exec.command;
    this.exit = this.#exit.promise;
    this.started = Promise.resolve({ process: channel.execs.length, pid: 100 + channel.execs.length });
    channel.onBreak(() =>
      this.#exit.reject(new SovereignError({ reason: 'channel.closed', message: 'gone', hint: '' })),
    );
    if (exec.command === 'refused')
      this.#exit.reject(new SovereignError({ reason: 'guest.exhausted', message: 'full', hint: '' }));
    if (exec.command === 'env') this.#print(`${exec.env.join('\n')}\n${exec.cwd}`);
    if (exec.command === 'yes') this.#print('y'.repeat(Number(exec.args?.[0])));
    if (exec.command === 'cat' && exec.stdin) this.#print(Buffer.from(exec.stdin).toString());
    if (exec.command !== 'sleep' && exec.openStdin !== true) this.#end(exited);
  }

  #print(text: string): void {
    this.#bytes += text.length;
    this.#sink?.('stdout', Buffer.from(text));
  }

  #end(status: ExitStatus): void {
    this.#exit.resolve({ ...status, stdoutBytes: this.#bytes });
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#command === 'cat') this.#print(Buffer.from(data).toString());
  }

  async endStdin(): Promise<void> {
    if (this.#command !== 'sleep') this.#end(exited);
  }

  signal = async (): Promise<void> => undefined;
  resize = async (): Promise<void> => undefined;

  async kill(): Promise<void> {
    this.killed++;
    this.#end({ ...exited, exitCode: 137, signal: 'SIGKILL', cause: 'killed' });
  }

  async detach(): Promise<void> {
    this.#exit.reject(new SovereignError({ reason: 'operation.cancelled', message: 'left', hint: '' }));
  }

  async *[Symbol.asyncIterator]() {
    await this.exit;
  }
}

class FakeChannel implements GuestChannel {
  readonly execs: ResolvedExec[] = [];
  readonly processesStarted: FakeProcess[] = [];
  readonly #closed = settlement<Error | undefined>();
  readonly #onBreak: (() => void)[] = [];
  readonly closed = this.#closed.promise;
  readonly welcome: GuestChannel['welcome'];
  sessions = 0;

  constructor(layers: readonly Layer[]) {
    this.welcome = Promise.resolve({
      generation: 1,
      pid: 1,
      instance: 'i',
      version: '0',
      roots: ['/'],
      layers,
    });
  }

  onBreak(tell: () => void): void {
    this.#onBreak.push(tell);
  }

  ping: () => Promise<number> = async () => 1;

  exec(exec: ResolvedExec, sink?: OutputSink): GuestProcess {
    this.execs.push(exec);
    const process = new FakeProcess(this, exec, sink);
    this.processesStarted.push(process);
    return process;
  }

  attach = unused;
  processes = async (): Promise<[]> => [];
  signalProcess = async (): Promise<void> => undefined;
  resizeProcess = async (): Promise<void> => undefined;
  killProcess = async (): Promise<{ killed: number }> => ({ killed: 1 });
  forgetProcess = async (): Promise<void> => undefined;
  openSession = async (): Promise<number> => ++this.sessions;
  killSession = async (): Promise<{ killed: number }> => ({ killed: 0 });
  readonly tunnels = {} as GuestChannel['tunnels'];
  readonly files: GuestFiles = {
    read: async function* () {
      yield Buffer.from('abc');
      yield Buffer.from('de');
    },
    write: unused,
    stat: async (path) => {
      throw new SovereignError({ reason: 'file.not-found', message: path, hint: '' });
    },
    list: unused,
    makeDirectory: async () => undefined,
    rename: async () => undefined,
    remove: async () => ({ removed: 1 }),
    watch: unused,
  };

  async close(): Promise<void> {
    for (const tell of this.#onBreak) tell();
    this.#closed.resolve(undefined);
  }
}

class FakeHost implements Backend {
  name: Backend['name'] = 'fake';
  tier: Backend['tier'] = 'container';
  capabilities = {
    isPersistent: true,
    canStop: true,
    canPause: true,
    canSetLimits: true,
    canStats: true,
    canDefine: true,
    hasPty: true,
    hasImages: true,
    isIsolated: true,
  };
  layers: readonly Layer[] = [];
  readonly guests = new Map<string, { spec: SandboxSpec; state: GuestState }>();
  readonly channels: FakeChannel[] = [];
  failRemove = false;
  isMute = false;
  isClosed = false;
  probe = async (): Promise<{ ok: true; detail: string }> => ({ ok: true, detail: 'made up' });

  async create(spec: SandboxSpec): Promise<Guest> {
    this.guests.set(spec.id, { spec, state: 'running' });
    return this.attach(spec.id);
  }

  async define(spec: SandboxSpec): Promise<Guest> {
    this.guests.set(spec.id, { spec, state: 'created' });
    return this.attach(spec.id);
  }

  list: Backend['list'] = async () =>
    [...this.guests.values()].map(({ spec, state }) => ({ id: spec.id, backend: this.name, spec, state }));

  async attach(id: string): Promise<Guest> {
    const found = this.guests.get(id);
    if (found === undefined) throw new SovereignError({ reason: 'sandbox.not-found', message: id, hint: '' });
    const set = (state: GuestState) => async (): Promise<void> => {
      found.state = state;
    };
    return {
      id: found.spec.id,
      spec: found.spec,
      workspacePath: '/workspace',
      baseEnv: { PATH: '/bin', A: 'image', B: 'image' },
      status: async () => found.state,
      start: set('running'),
      stop: set('stopped'),
      pause: set('paused'),
      resume: set('running'),
      setLimits: async () => undefined,
      stats: async () => ({ memoryBytes: 1, pids: 1, cpuUs: 1 }),
      remove: async () => {
        if (this.failRemove)
          throw new SovereignError({ reason: 'sandbox.remove-failed', message: 'busy', hint: 'Wait.' });
        this.guests.delete(id);
      },
      connect: async (): Promise<ByteStream> => {
        if (found.state !== 'running')
          throw new SovereignError({ reason: 'sandbox.not-running', message: found.state, hint: '' });
        return { write: () => undefined, close: async () => undefined, [Symbol.asyncIterator]: unused };
      },
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  readonly openChannel = (): GuestChannel => {
    const channel = new FakeChannel(this.layers);
    if (this.isMute) channel.ping = () => new Promise(() => undefined);
    this.channels.push(channel);
    return channel;
  };
}

let root = '';
let host: FakeHost;
let runtime: SovereignRuntime;

function createRuntime(more: Partial<SovereignRuntimeOptions> = {}): SovereignRuntime {
  return new SovereignRuntime({
    backends: [host],
    ledger: new FileLedger({ directory: join(root, 'ledger') }),
    actor: { via: 'test', user: 'nobody' },
    openChannel: host.openChannel,
    ...more,
  });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runtime-'));
  host = new FakeHost();
  runtime = createRuntime();
});
afterEach(async () => {
  await runtime.close();
  rmSync(root, { recursive: true, force: true });
});

async function records(kind: 'intent' | 'outcome', action?: string): Promise<LedgerRecord[]> {
  const found: LedgerRecord[] = [];
  for await (const record of readLedger(join(root, 'ledger'), {
    kinds: [kind],
    ...(action !== undefined && { actions: [action] }),
  }))
    found.push(record);
  return found;
}

async function outcomesOf(action: string): Promise<unknown[]> {
  const ids = new Set((await records('intent', action)).map((record) => record.id));
  return (await records('outcome'))
    .filter((record) => ids.has(record.id))
    .map((record) => record.members['outcome']);
}

describe('create', () => {
  verifies(
    ['R-TIER-10', 'R-GOV-2'],
    'hands out a sandbox with its tier, and both halves of its record',
    async () => {
      const sandbox = await runtime.create({ name: 'one', env: { SECRET: 'hunter2' } });
      expect(sandbox.runtimeLine).toBe('Runtime: fake (Tier 2)');
      expect(sandbox.report).toEqual({ type: 'fake', tier: 'container', isIsolated: true, layers: [] });
      expect(sandbox.selection).toMatchObject([{ backend: 'fake', verdict: 'taken' }]);
      const [intent] = await records('intent');
      expect(intent?.members['action']).toMatchObject({
        kind: 'sandbox.create',
        name: 'one',
        envNames: ['SECRET'],
      });
      expect(JSON.stringify(intent?.members)).not.toContain('hunter2');
      expect(await outcomesOf('sandbox.create')).toMatchObject([{ ok: true }]);
    },
  );

  verifies(
    'R-TIER-9',
    'a sandbox that does not answer is removed and the error says what to do',
    async () => {
      runtime = createRuntime({ healthTimeoutMs: 20 });
      host.isMute = true;
      await expect(runtime.create()).rejects.toMatchObject({
        reason: 'tier.unhealthy',
        hint: expect.stringContaining('doctor'),
      });
      expect(host.guests.size).toBe(0);
      expect(await outcomesOf('sandbox.create')).toMatchObject([{ ok: false, reason: 'tier.unhealthy' }]);
    },
  );

  test('a removal that fails too is told', async () => {
    runtime = createRuntime({ healthTimeoutMs: 20 });
    host.isMute = true;
    host.failRemove = true;
    await expect(runtime.create()).rejects.toMatchObject({
      reason: 'sandbox.remove-failed',
      message: expect.stringContaining('health check'),
    });
  });

  verifies(
    'R-TIER-9',
    'a tier whose layers are not active is disposed of; its twin with all layers works',
    async () => {
      host.name = 'process';
      host.tier = 'process';
      const active = (name: string, detail = ''): Layer => ({ name, state: 'active', detail });
      const held = ['no-new-privs', 'landlock', 'mount-namespace', 'uid'].map((name) => active(name));
      host.layers = [...held, active('seccomp', '200 instructions')];
      await expect(runtime.create()).rejects.toMatchObject({
        reason: 'tier.weakened',
        message: expect.stringContaining('the network of the host'),
      });
      expect(host.guests.size).toBe(0);
      const whole = [...held, active('seccomp', '200 instructions, network refused')];
      for (const without of ['landlock', 'mount-namespace', 'uid', 'no-new-privs']) {
        host.layers = whole.filter(({ name }) => name !== without);
        await expect(runtime.create()).rejects.toMatchObject({ reason: 'tier.weakened' });
      }
      host.layers = whole;
      const sandbox = await runtime.create();
      expect(sandbox.warnings).toEqual([expect.stringContaining('Degraded mode')]);
    },
  );

  verifies(
    'R-TIER-1',
    'insecure takes the process tier with what layers there are, and disables shell and browser',
    async () => {
      host.name = 'process';
      host.tier = 'process';
      const sandbox = await runtime.create({ isInsecure: true });
      expect(sandbox.report.isIsolated).toBe(false);
      expect(sandbox.facilities).toMatchObject({
        shell: { status: 'disabled' },
        browser: { status: 'disabled' },
      });
      await expect(sandbox.shell('true')).rejects.toMatchObject({ reason: 'facility.disabled' });
      expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
      runtime = createRuntime({ config: { insecure: { allow: ['shell'] } } });
      const allowed = await runtime.create({ isInsecure: true });
      expect((await allowed.shell('true')).exitCode).toBe(0);
    },
  );

  test('a name is taken once', async () => {
    await runtime.create({ name: 'one' });
    await expect(runtime.create({ name: 'one' })).rejects.toMatchObject({ reason: 'sandbox.exists' });
    const both = await Promise.allSettled([runtime.create({ name: 'two' }), runtime.create({ name: 'two' })]);
    expect(both.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  test.each([
    { name: 'Upper' },
    { name: 'sbx_000000000000' },
    { network: 'bridge' as 'none' },
    { limits: { pids: 0 } },
    { limits: { memory: 1 } },
    { env: { 'A=B': 'x' } },
    { env: { A: 'x\0y' } },
    { image: { kind: 'tar', path: 'relative.tar' } as const },
    { workspace: { path: tmpdir(), guestPath: '/a/../b' } },
    { tier: 'strongest' as 'auto' },
  ])('%j is refused before anything happens', async (options) => {
    await expect(runtime.create(options)).rejects.toMatchObject({ reason: 'argument.invalid' });
    expect(host.guests.size).toBe(0);
  });
});

describe('exec', () => {
  verifies(
    ['R-EXEC-1', 'R-EXEC-2'],
    'environment: image, sandbox, session, request; undefined removes',
    async () => {
      const sandbox = await runtime.create({ env: { A: 'spec', C: 'spec' } });
      const session = await sandbox.openSession({ env: { C: 'session', D: 'session' }, cwd: 'sub' });
      const result = await session.exec({ command: 'env', env: { D: 'request', B: undefined } });
      expect(result.stdoutText.split('\n')).toEqual([
        'PATH=/bin',
        'A=spec',
        'C=session',
        'D=request',
        '/workspace/sub',
      ]);
      expect((await sandbox.exec({ command: 'env', cwd: '../etc' })).stdoutText).toContain('\n/etc');
    },
  );

  verifies('R-EXEC-7', 'output is kept at head and tail, what was dropped is counted', async () => {
    const sandbox = await runtime.create();
    const result = await sandbox.exec(
      { command: 'yes', args: ['1000'] },
      { output: { headBytes: 10, tailBytes: 5 } },
    );
    expect([result.stdout.length, result.stdoutBytes, result.stdoutDropped]).toEqual([15, 1000, 985]);
    expect(result.stdoutText).toBe('yyyyyyyyyy\n… 985 bytes dropped …\nyyyyy');
    expect(result.runtime).toBe(sandbox.report);
  });

  test('stdin as text, as bytes of any length, and as a stream', async () => {
    const sandbox = await runtime.create();
    async function* words() {
      yield Buffer.from('a');
      yield Buffer.from('b');
    }
    expect((await sandbox.exec({ command: 'cat', stdin: 'ä' })).stdoutText).toBe('ä');
    expect((await sandbox.exec({ command: 'cat', stdin: words() })).stdoutText).toBe('ab');
    expect((await sandbox.exec({ command: 'cat', stdin: Buffer.alloc(200_000, 'x') })).stdoutBytes).toBe(
      200_000,
    );
    const sizes = (await records('intent', 'exec.start')).map(
      (record) => (record.members['action'] as { stdinBytes: unknown }).stdinBytes,
    );
    expect(sizes).toEqual([2, 'stream', 200_000]);
  });

  test('a source of stdin that fails kills the command and is what the call fails with', async () => {
    const sandbox = await runtime.create();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      throw new SovereignError({ reason: 'file.failed', message: 'source', hint: '' });
    }
    await expect(sandbox.exec({ command: 'sleep', stdin: broken() })).rejects.toMatchObject({
      reason: 'file.failed',
    });
    expect(host.channels[0]?.processesStarted[0]?.killed).toBe(1);
  });

  test('a source that has nothing to give yet does not hold up the end', async () => {
    const sandbox = await runtime.create();
    let isReleased = false;
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          isReleased = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const running = sandbox.exec({ command: 'sleep', stdin: silent });
    await host.channels[0]?.processesStarted[0]?.kill();
    expect((await running).cause).toBe('killed');
    expect(isReleased).toBe(true);
  });

  test('an abort kills everything, then rejects; an aborted signal starts nothing', async () => {
    const sandbox = await runtime.create();
    const controller = new AbortController();
    const running = sandbox.exec({ command: 'sleep' }, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ reason: 'operation.cancelled' });
    expect(host.channels[0]?.processesStarted[0]?.killed).toBe(1);
    await expect(sandbox.exec({ command: 'true' }, { signal: controller.signal })).rejects.toMatchObject({
      reason: 'operation.cancelled',
    });
    expect(host.channels[0]?.execs.length).toBe(1);
    expect(await outcomesOf('exec.start')).toMatchObject([{ ok: false, reason: 'operation.cancelled' }]);
  });

  test('a sink that throws ends its own command only', async () => {
    const sandbox = await runtime.create();
    const onOutput = () => {
      throw new Error('sink');
    };
    await expect(
      sandbox.exec({ command: 'cat', stdin: Buffer.alloc(100_000) }, { onOutput }),
    ).rejects.toMatchObject({ reason: 'internal' });
    expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
  });

  test('a refusal of the guest is recorded with its reason', async () => {
    const sandbox = await runtime.create();
    await expect(sandbox.exec({ command: 'refused' })).rejects.toMatchObject({ reason: 'guest.exhausted' });
    expect(await outcomesOf('exec.start')).toMatchObject([{ ok: false, reason: 'guest.exhausted' }]);
  });

  test.each([
    { command: '' },
    { command: 'a\0b' },
    { command: 'a', args: 'b' as unknown as [] },
    { command: 'a', args: [1 as unknown as string] },
    { command: 'a', timeoutMs: 0 },
    { command: 'a', timeoutMs: 1.5 },
    { command: 'a', idleTimeoutMs: -1 },
    { command: 'a', ringBytes: 1 },
    { command: 'a', pty: { rows: 0, columns: 80 } },
    { command: 'a', env: { '': 'x' } },
    { command: 'a', stdin: 5 as unknown as string },
    { command: 'a', session: 0 },
  ])('%j is refused and not recorded', async (request) => {
    const sandbox = await runtime.create();
    await expect(sandbox.exec(request)).rejects.toMatchObject({ reason: 'argument.invalid' });
    expect(await records('intent', 'exec.start')).toEqual([]);
  });

  test('values of the environment are in no message', async () => {
    const sandbox = await runtime.create();
    await expect(sandbox.exec({ command: 'a', env: { KEY: 'hunter2\0' } })).rejects.toSatisfy(
      (error) => !String(error).includes('hunter2'),
    );
  });

  test('long command lines are recorded short, with a hash', async () => {
    const sandbox = await runtime.create();
    await sandbox.exec({ command: 'true', args: ['x'.repeat(100_000)] });
    const [intent] = await records('intent', 'exec.start');
    expect(JSON.stringify(intent?.members).length).toBeLessThan(3_000);
    expect(JSON.stringify(intent?.members)).toMatch(/sha256 [0-9a-f]{64}/);
  });
});

describe('a ledger that cannot be written', () => {
  const unwritable = new SovereignError({
    reason: 'ledger.unwritable',
    message: 'full',
    hint: 'Free space.',
  });
  const failing = { intent: false, outcome: false };
  const ledger = {
    intent: () => {
      if (failing.intent) throw unwritable;
      return 'act';
    },
    outcome: () => {
      if (failing.outcome) throw unwritable;
    },
    close: () => undefined,
  };

  verifies('R-GOV-3', 'without a recorded intent nothing reaches the guest', async () => {
    runtime = createRuntime({ ledger });
    const sandbox = await runtime.create();
    failing.intent = true;
    await expect(sandbox.exec({ command: 'true' })).rejects.toBe(unwritable);
    await expect(sandbox.spawn({ command: 'true' })).rejects.toBe(unwritable);
    await expect(sandbox.files.remove('a')).rejects.toBe(unwritable);
    await expect(sandbox.remove()).rejects.toBe(unwritable);
    await expect(runtime.create()).rejects.toBe(unwritable);
    expect([host.channels[0]?.execs.length, host.guests.size]).toEqual([0, 1]);
    failing.intent = false;
  });

  test('without a recorded outcome there is no reply', async () => {
    runtime = createRuntime({ ledger });
    const sandbox = await runtime.create();
    failing.outcome = true;
    await expect(sandbox.exec({ command: 'true' })).rejects.toBe(unwritable);
    await expect(sandbox.exec({ command: 'refused' })).rejects.toBe(unwritable);
    await expect(sandbox.spawn({ command: 'sleep', isDetached: true })).rejects.toBe(unwritable);
    failing.outcome = false;
    await runtime.close();
  });
});

describe('processes, sessions, files', () => {
  verifies('R-GOV-2', 'the outcome of a spawned process is that of its end, or of being left', async () => {
    const sandbox = await runtime.create();
    const one = await sandbox.spawn({ command: 'sleep' });
    expect(await outcomesOf('exec.start')).toEqual([]);
    await one.kill();
    expect((await one.exit).cause).toBe('killed');
    const two = await sandbox.spawn({ command: 'sleep' });
    await two.detach();
    await expect(two.exit).rejects.toMatchObject({ reason: 'operation.cancelled' });
    await sandbox.spawn({ command: 'sleep', isDetached: true });
    expect(await outcomesOf('exec.start')).toMatchObject([
      { ok: true, facts: { process: 1, cause: 'killed' } },
      { ok: true, facts: { process: 2, isDetached: true } },
      { ok: true, facts: { process: 3, isDetached: true } },
    ]);
    expect(await outcomesOf('exec.kill')).toMatchObject([{ ok: true }]);
  });

  verifies('R-GOV-3', 'every operation on files is an action with an outcome', async () => {
    const { files } = await runtime.create();
    const chunks: string[] = [];
    for await (const chunk of files.read('a.txt')) chunks.push(Buffer.from(chunk).toString());
    expect(chunks).toEqual(['abc', 'de']);
    for await (const _chunk of files.read('/abs')) break;
    await expect(files.stat('b')).rejects.toMatchObject({ reason: 'file.not-found' });
    await files.remove('c', { isRecursive: true });
    await expect(files.write('c', 'text' as unknown as Uint8Array)).rejects.toMatchObject({
      reason: 'argument.invalid',
    });
    await expect(files.stat('')).rejects.toMatchObject({ reason: 'argument.invalid' });
    await expect(files.stat('x'.repeat(5_000))).rejects.toMatchObject({ reason: 'argument.too-large' });
    expect(await outcomesOf('file.read')).toEqual([
      { ok: true, facts: { bytes: 5 } },
      { ok: true, facts: { bytes: 3 } },
    ]);
    expect(await outcomesOf('file.stat')).toMatchObject([{ ok: false, reason: 'file.not-found' }]);
    const [read] = await records('intent', 'file.read');
    expect(read?.members['action']).toMatchObject({ path: '/workspace/a.txt' });
  });
});

describe('life', () => {
  test('paused and stopped sandboxes refuse commands, resumed and started ones take them', async () => {
    const sandbox = await runtime.create();
    await sandbox.pause();
    await expect(sandbox.exec({ command: 'true' })).rejects.toMatchObject({
      reason: 'sandbox.not-running',
      message: expect.stringContaining('paused'),
    });
    await sandbox.resume();
    expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
    await sandbox.stop();
    await expect(sandbox.exec({ command: 'true' })).rejects.toMatchObject({ reason: 'sandbox.not-running' });
    await sandbox.start();
    expect((await sandbox.exec({ command: 'true' })).exitCode).toBe(0);
    expect(host.channels.length).toBe(2);
  });

  test('what a backend does not declare is refused before it is asked', async () => {
    host.capabilities = { ...host.capabilities, canPause: false, canStats: false, hasPty: false };
    const sandbox = await runtime.create();
    await expect(sandbox.pause()).rejects.toMatchObject({ reason: 'capability.missing' });
    await expect(sandbox.stats()).rejects.toMatchObject({ reason: 'capability.missing' });
    await expect(sandbox.exec({ command: 'sh', pty: { rows: 24, columns: 80 } })).rejects.toMatchObject({
      reason: 'capability.missing',
    });
  });

  test('a channel that broke is opened again for the next call, and the call that was in flight fails', async () => {
    const sandbox = await runtime.create();
    const inFlight = sandbox.exec({ command: 'sleep' });
    await host.channels[0]?.close();
    await expect(inFlight).rejects.toMatchObject({ reason: 'channel.closed' });
    const both = await Promise.all([sandbox.exec({ command: 'true' }), sandbox.exec({ command: 'true' })]);
    expect(both.map((one) => one.exitCode)).toEqual([0, 0]);
    expect(host.channels.length).toBe(2);
  });

  test('attach by id and by name, from another runtime too; remove leaves nothing', async () => {
    const made = await runtime.create({ name: 'one' });
    expect(await runtime.attach('one')).toBe(made);
    const other = createRuntime();
    const attached = await other.attach('one');
    expect(attached.id).toBe(made.id);
    expect(attached.report.isIsolated).toBe(true);
    await expect(other.attach('nobody')).rejects.toMatchObject({ reason: 'sandbox.not-found' });
    await other.remove(made.id);
    expect(host.guests.size).toBe(0);
    await expect(other.attach(made.id)).rejects.toMatchObject({ reason: 'sandbox.not-found' });
    await other.close();
  });

  test('a stopped sandbox can be attached to and is not said to be isolated until it was checked', async () => {
    const made = await runtime.create();
    await made.stop();
    await made.close();
    const attached = await runtime.attach(made.id);
    expect(attached.report).toMatchObject({ isIsolated: false, layers: [] });
    await expect(attached.exec({ command: 'true' })).rejects.toMatchObject({ reason: 'sandbox.not-running' });
    await attached.start();
    expect(attached.report.isIsolated).toBe(true);
  });

  test('a removal that failed may be repeated', async () => {
    const sandbox = await runtime.create();
    host.failRemove = true;
    await expect(sandbox.remove()).rejects.toMatchObject({ reason: 'sandbox.remove-failed' });
    host.failRemove = false;
    await sandbox.remove();
    expect(await outcomesOf('sandbox.remove')).toMatchObject([{ ok: false }, { ok: true }]);
  });

  test('one backend that cannot list hides nothing of the others', async () => {
    const broken = new FakeHost();
    broken.name = 'docker';
    broken.list = async () => Promise.reject(new Error('no daemon'));
    runtime = createRuntime({ backends: [broken, host] });
    const made = await runtime.create({ tier: 'fake' });
    const listing = await runtime.list();
    expect(listing.sandboxes.map((one) => one.id)).toEqual([made.id]);
    expect(listing.problems).toMatchObject([
      { backend: 'docker', message: expect.stringContaining('no daemon') },
    ]);
  });

  verifies(
    'R-GOV-2',
    'close ends what is under way, records it, and leaves a ledger that verifies',
    async () => {
      const sandbox = await runtime.create();
      const running = sandbox.exec({ command: 'sleep' });
      running.catch(() => undefined);
      await runtime.close();
      await expect(running).rejects.toMatchObject({ reason: 'channel.closed' });
      expect(host.isClosed).toBe(true);
      expect(await verifyLedger(join(root, 'ledger'))).toMatchObject({
        ok: true,
        problems: [],
        intentsWithoutOutcome: [],
      });
      await expect(runtime.create()).rejects.toMatchObject({ reason: 'ledger.unwritable' });
      expect(host.guests.size).toBe(1);
    },
  );
});

test('what an exec costs on top of the channel', async () => {
  const sandbox = await runtime.create();
  const channel = host.channels[0];
  if (channel === undefined) throw new Error('no channel');
  const request = { command: 'true' };
  const measure = async (run: () => Promise<unknown>): Promise<number> => {
    for (let index = 0; index < 3_000; index++) await run();
    const start = performance.now();
    for (let index = 0; index < 10_000; index++) await run();
    return (performance.now() - start) / 10;
  };
  const bare = await measure(async () => channel.exec({ command: 'true', cwd: '/', env: [] }).exit);
  const whole = await measure(async () => sandbox.exec(request));
  const signal = new AbortController().signal;
  const attended = await measure(async () =>
    sandbox.exec({ command: 'true', env: { A: 'b' }, stdin: 'x' }, { signal }),
  );
  console.log(
    `exec: ${(whole - bare).toFixed(1)} µs on top of the channel's ${bare.toFixed(1)}; with env, stdin and signal ${(attended - bare).toFixed(1)}`,
  );
}, 30_000);
