import { setImmediate } from 'node:timers/promises';
import {
  channelLimits,
  encodeFrame,
  exitCauses,
  fileKinds,
  frameNameByCode,
  type FrameName,
} from '@sovereign/protocol';
import type { ByteStream, ResolvedExec } from '@sovereign/core';
import { afterEach, describe, expect, test } from 'vitest';
import { connectGuestChannel, type GuestChannelOptions } from './guest-channel.ts';
import { PullIterator } from './pull-iterator.ts';

/** The guest's end of a stream in memory, played by the test frame by frame. */
class ScriptedGuest {
  readonly sent: { readonly name: FrameName; readonly channel: number }[] = [];
  readonly stream: ByteStream;
  isClosed = false;
  readonly #chunks: Uint8Array[] = [];
  readonly #iterator = new PullIterator<Uint8Array>({ take: () => this.#chunks.shift() });

  constructor() {
    this.stream = {
      [Symbol.asyncIterator]: () => this.#iterator,
      write: (bytes) => this.#onWrite(bytes),
      close: () => {
        this.isClosed = true;
        this.#iterator.end();
        return Promise.resolve();
      },
    };
  }

  say(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      if (this.#iterator.isWaiting) this.#iterator.deliver(frame);
      else this.#chunks.push(frame);
    }
  }

  hangUp(error?: Error): void {
    this.#iterator.end(error);
  }

  count(name: FrameName): number {
    return this.sent.filter((frame) => frame.name === name).length;
  }

  #onWrite(bytes: Uint8Array): undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += channelLimits.headerBytes + view.getUint32(at, true)) {
      const name = frameNameByCode.get(view.getUint8(at + 4));
      if (name === undefined) throw new Error('the host sent an unknown frame');
      this.sent.push({ name, channel: view.getUint32(at + 5, true) });
    }
    return undefined;
  }
}

const welcome = encodeFrame('welcome', 0, {
  generation: 1,
  pid: 1,
  instance: 'i',
  version: 'v',
  roots: ['/'],
});
const started = encodeFrame('exec.started', 1, { process: 5, pid: 50 });
const sleep: ResolvedExec = { command: 'sleep', args: ['9'], cwd: '/', env: [] };
const noUse = { stdoutBytes: 0, stderrBytes: 0, wallUs: 0, userUs: 0, systemUs: 0, maxRssKib: 0 };
const info = {
  kind: fileKinds.file,
  mode: 0o644,
  size: 1,
  modifiedMs: 0,
  uid: 0,
  gid: 0,
  links: 1,
  name: 'f',
  target: '',
};

function exited(
  channel: number,
  process: number,
  overrides: { cause?: number; code?: number; signal?: number } = {},
): Uint8Array {
  return encodeFrame('exec.exited', channel, {
    process,
    cause: exitCauses.exited,
    code: 0,
    signal: 0,
    ...noUse,
    ...overrides,
  });
}

function stdout(channel: number, data: string | Uint8Array): Uint8Array {
  return encodeFrame('exec.stdout', channel, { data: Buffer.from(data) });
}

function connect(options: GuestChannelOptions = {}): {
  readonly guest: ScriptedGuest;
  readonly channel: ReturnType<typeof connectGuestChannel>;
} {
  const guest = new ScriptedGuest();
  return { guest, channel: connectGuestChannel(guest.stream, options) };
}

const unhandled: unknown[] = [];
const remember = (error: unknown): void => void unhandled.push(error);
process.on('unhandledRejection', remember);
afterEach(async () => {
  await setImmediate();
  expect(unhandled).toEqual([]);
});

type Violation = readonly [name: string, frames: readonly Uint8Array[]];
const duringExec: readonly Violation[] = [
  ['a frame of unknown type', [Uint8Array.of(0, 0, 0, 0, 0x7f, 1, 0, 0, 0)]],
  ['a frame that only hosts send', [encodeFrame('exec.kill', 1, { process: 1 })]],
  ['an endless frame', [Uint8Array.of(255, 255, 255, 255, 0x24, 1, 0, 0, 0)]],
  ['a malformed started', [Uint8Array.of(2, 0, 0, 0, 0x21, 1, 0, 0, 0, 1, 1)]],
  [
    'a u64 above 2^53 - 1',
    [started, Uint8Array.of(8, 0, 0, 0, 0x09, 1, 0, 0, 0, ...new Uint8Array(8).fill(255))],
  ],
  ['output before started', [stdout(1, 'x')]],
  ['started twice', [started, started]],
  [
    'attached for started',
    [encodeFrame('exec.attached', 1, { process: 5, pid: 1, flags: 0, stdoutCursor: 0, stderrCursor: 0 })],
  ],
  ['the end of another process', [started, exited(1, 6)]],
  ['an unknown cause', [started, exited(1, 5, { cause: 99 })]],
  ['an exit code out of range', [started, exited(1, 5, { code: 256 })]],
  ['a signal out of range', [started, exited(1, 5, { cause: exitCauses.signalled, signal: 200 })]],
  ['done without a cancel, before started', [encodeFrame('done', 1, { count: 0 })]],
  ['credit where there is no stdin', [started, encodeFrame('credit', 1, { bytes: 1 })]],
  ['content of a file for a process', [started, encodeFrame('file.data', 1, { data: Buffer.from('x') })]],
  ['an answer to another request', [encodeFrame('session.opened', 1, { session: 1 })]],
  ['data beyond the credit', [started, stdout(1, new Uint8Array(40_000)), stdout(1, new Uint8Array(40_000))]],
  ['a frame on a channel never opened', [stdout(2, 'x')]],
  ['data on channel 0', [stdout(0, 'x')]],
  ['a second welcome', [welcome]],
  ['a layer after the welcome', [encodeFrame('layer', 0, { name: 'x', state: 0, detail: '' })]],
  ['a pong without a ping', [encodeFrame('pong', 0, { nonce: 77 })]],
];

describe('a guest that breaks the rules is cut off, and says which rule', () => {
  test.each(duringExec)('%s', async (_name, frames) => {
    const { guest, channel } = connect({ windowBytes: 65_536 });
    guest.say(welcome);
    await channel.welcome;
    const process = channel.exec(sleep);
    const listing = channel.processes();
    await setImmediate();
    guest.say(...frames);
    const failure = {
      reason: 'channel.protocol',
      message: expect.stringMatching(/guest .*: .+\.$/) as string,
    };
    await expect(process.exit).rejects.toMatchObject(failure);
    await expect(listing).rejects.toMatchObject(failure);
    await expect(channel.closed).resolves.toMatchObject(failure);
    await expect(channel.exec(sleep).started).rejects.toMatchObject(failure);
    await expect(channel.files.stat('/')).rejects.toMatchObject(failure);
    expect(guest.isClosed).toBe(true);
  });

  test('its twin that keeps the rules works', async () => {
    const { guest, channel } = connect({ windowBytes: 65_536 });
    guest.say(welcome);
    const process = channel.exec(sleep);
    await setImmediate();
    guest.say(started, stdout(1, new Uint8Array(40_000)), exited(1, 5, { code: 7 }));
    await expect(process.exit).resolves.toMatchObject({ exitCode: 7, cause: 'exited', signal: null });
    await expect(process.started).resolves.toEqual({ process: 5, pid: 50 });
    await channel.close();
    await expect(channel.closed).resolves.toBeUndefined();
  });

  test.each<Violation>([
    ['an answer before the welcome', [exited(1, 5)]],
    ['an unknown state of a layer', [encodeFrame('layer', 0, { name: 'x', state: 9, detail: '' })]],
    [
      'layers without end',
      Array.from({ length: 65 }, () => encodeFrame('layer', 0, { name: 'x', state: 0, detail: '' })),
    ],
  ])('before the welcome: %s', async (_name, frames) => {
    const { guest, channel } = connect();
    guest.say(...frames);
    await expect(channel.welcome).rejects.toMatchObject({ reason: 'channel.protocol' });
  });

  test('more files than were asked for', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const listing = channel.files.list('/', { limit: 2 });
    await setImmediate();
    guest.say(...Array.from({ length: 3 }, () => encodeFrame('file.info', 1, info)));
    await expect(listing).rejects.toMatchObject({ reason: 'channel.protocol' });
  });

  test('a file that is shorter than its end says', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const reading = channel.files.read('/f')[Symbol.asyncIterator]();
    const first = reading.next();
    await setImmediate();
    guest.say(
      encodeFrame('file.info', 1, info),
      encodeFrame('file.data', 1, { data: Buffer.from('abc') }),
      encodeFrame('done', 1, { count: 9 }),
    );
    expect((await first).done).toBe(false);
    await expect(reading.next()).rejects.toMatchObject({ reason: 'channel.protocol' });
  });

  const opened = encodeFrame('tunnel.open', 2, {});
  const ended = encodeFrame('tunnel.end', 2, {});
  const bytes = (count: number) => encodeFrame('tunnel.data', 2, { data: new Uint8Array(count) });
  test.each<Violation>([
    ['bytes before it is open', [bytes(1)]],
    ['open twice', [opened, opened]],
    ['bytes beyond the credit', [opened, bytes(1_048_576), bytes(1)]],
    ['bytes after the end', [opened, ended, bytes(1)]],
    ['its end twice', [opened, ended, ended]],
    ['done while this side goes on', [opened, ended, encodeFrame('done', 2, { count: 0 })]],
    [
      'refused once it is open',
      [opened, encodeFrame('refused', 2, { errno: 1, operation: '', subject: '', message: '' })],
    ],
    ['a reset before it is open', [encodeFrame('tunnel.reset', 2, { errno: 104 })]],
    [
      'credit without end',
      [opened, ...Array.from({ length: 257 }, () => encodeFrame('credit', 2, { bytes: 0xffff_ffff }))],
    ],
    ['output of a process', [opened, encodeFrame('exec.stdout', 2, { data: new Uint8Array(1) })]],
    [
      'more connections than the backlog',
      [1, 2, 3].map((connection) => encodeFrame('tunnel.incoming', 1, { connection })),
    ],
    ['one connection twice', [1, 1].map((connection) => encodeFrame('tunnel.incoming', 1, { connection }))],
    ['bytes on a listener', [encodeFrame('tunnel.data', 1, { data: new Uint8Array(1) })]],
    ['the end of a listener that was not closed', [encodeFrame('done', 1, { count: 0 })]],
  ])('on a tunnel: %s', async (_name, frames) => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const listening = channel.tunnels.listen({
      address: { kind: 'tcp', port: 0 },
      backlog: 2,
      onConnection: () => undefined,
    });
    const dialling = channel.tunnels.dial({ kind: 'tcp', port: 80 });
    dialling.catch(() => undefined);
    await setImmediate();
    guest.say(encodeFrame('tunnel.listening', 1, { port: 9, isNamed: 0 }));
    expect((await listening).port).toBe(9);
    guest.say(...frames);
    await expect(channel.closed).resolves.toMatchObject({ reason: 'channel.protocol' });
    await expect((await listening).closed).resolves.toMatchObject({ reason: 'channel.protocol' });
  });

  test('a tunnel whose guest keeps the rules works', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const dialling = channel.tunnels.dial({ kind: 'tcp', port: 80 });
    await setImmediate();
    guest.say(encodeFrame('tunnel.open', 1, {}), encodeFrame('tunnel.data', 1, { data: Buffer.from('hi') }));
    const tunnel = await dialling;
    tunnel.end();
    guest.say(encodeFrame('tunnel.end', 1, {}), encodeFrame('done', 1, { count: 2 }));
    const got: string[] = [];
    for await (const part of tunnel) got.push(Buffer.from(part).toString());
    expect(got).toEqual(['hi']);
    await expect(tunnel.closed).resolves.toBeUndefined();
    await channel.close();
  });

  test('frames for an ended channel are ignored, but not without end', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const process = channel.exec(sleep);
    await setImmediate();
    guest.say(started, exited(1, 5));
    await process.exit;
    for (let index = 0; index < 1_000; index++) guest.say(stdout(1, 'late'));
    const pong = channel.ping();
    await setImmediate();
    guest.say(encodeFrame('pong', 0, { nonce: 1 }));
    await pong;
    for (let index = 0; index < 1_000; index++) guest.say(stdout(1, 'late'));
    await expect(channel.closed).resolves.toMatchObject({ reason: 'channel.protocol' });
  });

  test('text of the guest in an error is cut and without control characters', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const stat = channel.files.stat('/x');
    await setImmediate();
    guest.say(
      encodeFrame('refused', 1, {
        errno: 2,
        operation: 'o',
        subject: `\u001b[31m${'x'.repeat(9_000)}`,
        message: '\r\nfake',
      }),
    );
    const error: unknown = await stat.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'file.not-found' });
    const { message } = error as Error;
    expect(message.length).toBeLessThan(500);
    expect(/[^\P{Cc}]/u.test(message)).toBe(false);
  });
});

describe('hello', () => {
  test('a guest that does not answer: channel.timeout', async () => {
    const { guest, channel } = connect({ welcomeTimeoutMs: 20 });
    const process = channel.exec(sleep);
    await expect(channel.welcome).rejects.toMatchObject({ reason: 'channel.timeout' });
    await expect(process.exit).rejects.toMatchObject({ reason: 'channel.timeout' });
    expect(guest.isClosed).toBe(true);
  });

  test.each([0, 2, 65_535])(
    'generation %i, which we do not speak: channel.generation',
    async (generation) => {
      const { guest, channel } = connect();
      guest.say(encodeFrame('welcome', 0, { generation, pid: 1, instance: '', version: '', roots: [] }));
      await expect(channel.welcome).rejects.toMatchObject({ reason: 'channel.generation' });
    },
  );

  test('a guest that refuses ours: channel.generation', async () => {
    const { guest, channel } = connect();
    guest.say(encodeFrame('refused', 0, { errno: 93, operation: 'greet', subject: '', message: 'no' }));
    await expect(channel.welcome).rejects.toMatchObject({ reason: 'channel.generation' });
  });

  test('layers are part of the welcome', async () => {
    const { guest, channel } = connect();
    guest.say(encodeFrame('layer', 0, { name: 'seccomp', state: 0, detail: 'd' }), welcome);
    await expect(channel.welcome).resolves.toEqual({
      generation: 1,
      pid: 1,
      instance: 'i',
      version: 'v',
      roots: ['/'],
      layers: [{ name: 'seccomp', state: 'active', detail: 'd' }],
    });
  });
});

describe('the end of the connection', () => {
  test('a guest that hangs up: channel.closed for everything, and no unhandled rejection', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const process = channel.exec({ ...sleep, openStdin: true });
    void process.started;
    void process.exit;
    void channel.closed;
    const write = process.write(new Uint8Array(1_000_000));
    guest.hangUp();
    await expect(write).rejects.toMatchObject({ reason: 'channel.closed' });
    await expect(channel.closed).resolves.toMatchObject({ reason: 'channel.closed' });
    await expect(process[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'channel.closed' });
  });

  test('an error of the transport: channel.closed with its message', async () => {
    const { guest, channel } = connect();
    guest.hangUp(new Error('EPIPE\u001b'));
    await expect(channel.closed).resolves.toMatchObject({
      reason: 'channel.closed',
      message: expect.stringContaining('EPIPE') as string,
    });
  });

  test('a sink that throws ends the following of its process and nothing else', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const fault = new Error('mine');
    const process = channel.exec(sleep, () => {
      throw fault;
    });
    await setImmediate();
    guest.say(started, stdout(1, 'a'), stdout(1, 'b'));
    await expect(process.exit).rejects.toBe(fault);
    await setImmediate();
    expect(guest.count('cancel')).toBe(1);
    guest.say(encodeFrame('done', 1, { count: 0 }));
    const other = channel.exec(sleep);
    await setImmediate();
    guest.say(encodeFrame('exec.started', 2, { process: 6, pid: 1 }), exited(2, 6));
    await expect(other.exit).resolves.toMatchObject({ exitCode: 0 });
  });
});

describe('arguments are judged before anything is sent', () => {
  const { guest, channel } = connect();
  test.each<readonly [string, Partial<ResolvedExec>, string]>([
    ['NUL in argv', { args: ['a\0b'] }, 'argument.invalid'],
    ['NUL in env', { env: ['A=secret\0'] }, 'argument.invalid'],
    ['NUL in cwd', { cwd: '/\0' }, 'argument.invalid'],
    ['a relative cwd', { cwd: 'tmp' }, 'argument.invalid'],
    ['an empty command', { command: '' }, 'argument.invalid'],
    ['a fraction', { timeoutMs: 1.5 }, 'argument.invalid'],
    ['a negative timeout', { idleTimeoutMs: -1 }, 'argument.invalid'],
    ['a timeout of 0', { timeoutMs: 0 }, 'argument.invalid'],
    ['too much stdin', { stdin: new Uint8Array(channelLimits.maxPayloadBytes) }, 'argument.too-large'],
    ['too many arguments', { args: Array.from({ length: 20_000 }, () => '') }, 'argument.too-large'],
  ])('%s', async (_name, part, reason) => {
    await setImmediate();
    const sentBefore = guest.sent.length;
    const error = catchOf(() => channel.exec({ ...sleep, ...part }));
    expect(error).toMatchObject({ reason, hint: expect.stringMatching(/\w+/) as string });
    expect(String(error)).not.toContain('secret');
    await setImmediate();
    expect(guest.sent.length).toBe(sentBefore);
  });
});

describe('flow control', () => {
  test('unread output is granted no new credit; reading it grants it in large steps', async () => {
    const { guest, channel } = connect({ windowBytes: 100_000 });
    guest.say(welcome);
    const process = channel.exec(sleep);
    await setImmediate();
    guest.say(started, ...Array.from({ length: 10 }, () => stdout(1, new Uint8Array(10_000))));
    await setImmediate();
    expect(guest.count('credit')).toBe(0);
    const iterator = process[Symbol.asyncIterator]();
    let read = 0;
    while (read < 100_000) {
      const next = await iterator.next();
      if (next.done === true) expect.unreachable();
      else read += next.value.data.length;
    }
    await setImmediate();
    expect(guest.count('credit')).toBeGreaterThan(0);
    expect(guest.count('credit')).toBeLessThanOrEqual(2);
    expect(process.cursors).toEqual({ stdout: 100_000, stderr: 0 });
  });

  test('what an iteration hands out belongs to its consumer, whatever becomes of the memory it came in', async () => {
    const guest = new ScriptedGuest();
    const recycled: Uint8Array[] = [];
    Object.assign(guest.stream, { recycle: (chunk: Uint8Array) => recycled.push(chunk) });
    const channel = connectGuestChannel(guest.stream);
    guest.say(welcome);
    const process = channel.exec(sleep);
    await setImmediate();
    const frame = Buffer.alloc(262_144);
    frame.set(Buffer.concat([started, stdout(1, 'one')]));
    guest.say(frame.subarray(0, started.length + stdout(1, 'one').length));
    await setImmediate();
    expect(recycled.length).toBe(2);
    frame.fill(0);
    for await (const { data } of process) {
      expect(Buffer.from(data).toString()).toBe('one');
      break;
    }
    await channel.close();
  });

  test('exit resolves with unread output when nobody iterates, and the output is still there', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const process = channel.exec(sleep);
    await setImmediate();
    guest.say(
      started,
      stdout(1, 'one'),
      encodeFrame('exec.stderr', 1, { data: Buffer.from('two') }),
      exited(1, 5),
    );
    await process.exit;
    const seen: string[] = [];
    for await (const { stream, data, cursor } of process)
      seen.push(`${stream} ${Buffer.from(data).toString()} ${cursor}`);
    expect(seen).toEqual(['stdout one 3', 'stderr two 3']);
  });

  test('with iteration, exit resolves after the last output was handed out', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const process = channel.exec(sleep);
    const iterator = process[Symbol.asyncIterator]();
    let hasExit = false;
    const exit = process.exit.then(() => (hasExit = true));
    await setImmediate();
    const first = iterator.next();
    guest.say(started, stdout(1, 'a'));
    await first;
    guest.say(stdout(1, 'b'), exited(1, 5));
    await setImmediate();
    expect(hasExit).toBe(false);
    await iterator.next();
    await exit;
    expect((await iterator.next()).done).toBe(true);
  });

  test('stdin stays within the credit', async () => {
    const { guest, channel } = connect();
    guest.say(welcome);
    const process = channel.exec({ ...sleep, openStdin: true });
    let isWritten = false;
    const write = process
      .write(new Uint8Array(channelLimits.stdinWindowBytes + 1))
      .then(() => (isWritten = true));
    await setImmediate();
    expect(guest.count('exec.stdin')).toBe(1);
    guest.say(started, encodeFrame('credit', 1, { bytes: 1 }));
    await setImmediate();
    expect([guest.count('exec.stdin'), isWritten]).toEqual([2, false]);
    guest.say(encodeFrame('credit', 1, { bytes: 1 }));
    await write;
  });

  test('frames of one tick leave in one write', async () => {
    const { guest, channel } = connect();
    let writes = 0;
    const { stream } = guest;
    const write = stream.write.bind(stream);
    stream.write = (bytes): ReturnType<typeof write> => {
      writes++;
      return write(bytes);
    };
    for (let index = 0; index < 32; index++) channel.exec(sleep);
    await setImmediate();
    expect(guest.count('exec.start')).toBe(32);
    expect(writes).toBe(1);
  });
});

function catchOf(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}
