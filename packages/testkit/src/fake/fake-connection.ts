import {
  channelGeneration,
  decodeFrame,
  encodeFrame,
  execFlags,
  frameNameByCode,
  layerStates,
  type FrameFields,
  type FrameName,
  type RawFrame,
} from '@sovereign/protocol';
import type { ChannelFailure } from './fake-failures.ts';
import { FakeErrno } from './fake-files.ts';
import { FakeFileChannel, type Encodable } from './fake-file-channel.ts';
import type { FakeMachine } from './fake-machine.ts';
import type { FakeProcess, Follower } from './fake-process.ts';
import { readFrames } from './frame-reader.ts';
import type { PairedStream } from './stream-pair.ts';

interface ExecChannel extends Follower {
  readonly process: FakeProcess;
}

/** One connection of a host to a fake guest: takes frames apart and answers as shelld does. */
export class FakeConnection {
  readonly #machine: FakeMachine;
  readonly #stream: PairedStream;
  readonly #instance: string;
  readonly #failure: () => ChannelFailure | undefined;
  readonly #execs = new Map<number, ExecChannel>();
  readonly #files: FakeFileChannel;

  constructor(options: {
    readonly machine: FakeMachine;
    readonly stream: PairedStream;
    readonly instance: string;
    readonly failure: () => ChannelFailure | undefined;
  }) {
    this.#machine = options.machine;
    this.#stream = options.stream;
    this.#instance = options.instance;
    this.#failure = options.failure;
    this.#files = new FakeFileChannel({
      files: options.machine.files,
      send: (name, channel, fields) => this.#write(name, channel, fields),
    });
  }

  /** Serves until the host leaves. What it started runs on. Never rejects: a host that breaks the rules is left. */
  async serve(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#stream)) this.#take(frame);
    } catch {
      // What the host sent was no frame; there is nobody to tell but the connection itself.
    }
    for (const exec of this.#execs.values()) exec.process.unfollow(exec);
    this.#files.close();
    await this.#stream.close();
  }

  #take(frame: RawFrame): void {
    const name = frameNameByCode.get(frame.type);
    const failure = this.#failure();
    if (failure === 'silent') return;
    if (name === undefined) throw new Error(`frame of unknown type ${frame.type}`);
    try {
      if (this.#files.take(name, frame)) return;
      this.#answer(name, frame, failure);
    } catch (error) {
      if (!(error instanceof FakeErrno)) throw error;
      const { errno, operation, subject, message } = error;
      this.#send('refused', frame.channel, { errno, operation, subject, message });
    }
  }

  #answer(name: FrameName, { channel, payload }: RawFrame, failure: ChannelFailure | undefined): void {
    switch (name) {
      case 'hello':
        this.#welcome(decodeFrame('hello', payload), failure);
        break;
      case 'ping':
        if (failure !== 'no-pong') this.#send('pong', 0, decodeFrame('ping', payload));
        break;
      case 'credit': {
        const exec = this.#execs.get(channel);
        exec?.process.grant(exec, decodeFrame('credit', payload).bytes);
        break;
      }
      case 'cancel':
        this.#letGo(channel);
        break;
      case 'session.open':
        this.#send('session.opened', channel, {
          session: this.#machine.openSession(decodeFrame('session.open', payload)),
        });
        break;
      case 'session.kill':
        this.#done(channel, this.#machine.killSession(decodeFrame('session.kill', payload).session));
        break;
      case 'exec.start':
        this.#start(channel, decodeFrame('exec.start', payload));
        break;
      case 'exec.stdin':
        this.#execs.get(channel)?.process.pushStdin(payload);
        break;
      case 'exec.stdinEnd':
        this.#execs.get(channel)?.process.endStdin();
        break;
      case 'exec.attach':
        this.#attach(channel, decodeFrame('exec.attach', payload));
        break;
      case 'exec.list':
        for (const process of this.#machine.processes.values())
          this.#send('exec.listed', channel, listed(process));
        this.#done(channel, this.#machine.processes.size);
        break;
      case 'exec.signal': {
        const { process, signal, scope } = decodeFrame('exec.signal', payload);
        this.#machine.signal(process, signal, scope);
        this.#done(channel, 1);
        break;
      }
      case 'exec.kill':
        this.#done(channel, this.#machine.kill(decodeFrame('exec.kill', payload).process));
        break;
      case 'exec.forget':
        this.#machine.forget(decodeFrame('exec.forget', payload).process);
        this.#done(channel, 0);
        break;
      case 'exec.resize':
        throw new FakeErrno('ENOTSUP', name, 'pty');
      case 'tunnel.listen':
      case 'tunnel.dial':
        throw new FakeErrno('ENOTSUP', name, 'no network');
      default:
        throw new Error(`${name} is not for a guest`);
    }
  }

  #welcome(hello: FrameFields<'hello'>, failure: ChannelFailure | undefined): void {
    if (failure === 'garbage') void this.#stream.write(new Uint8Array(4096).fill(0x5a));
    if (failure === 'oversized')
      void this.#stream.write(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0]));
    if (failure === 'wrong-side') void this.#stream.write(encodeFrame('hello', 0, hello));
    if (failure === 'garbage' || failure === 'oversized' || failure === 'wrong-side') return;
    this.#send('layer', 0, {
      name: 'fake',
      state: layerStates.unsupported,
      detail: 'in memory: nothing is isolated',
    });
    this.#send('welcome', 0, {
      generation: Math.min(hello.generation, channelGeneration.current),
      pid: 1,
      instance: this.#instance,
      version: 'fake',
      roots: this.#machine.files.roots,
    });
  }

  #start(channel: number, start: FrameFields<'exec.start'>): void {
    const exec = this.#follow(
      channel,
      (follower) => this.#machine.start(start, follower),
      (start.flags & execFlags.detached) !== 0,
    );
    const { process } = exec;
    if (process.exit !== undefined) {
      this.#execs.delete(channel);
      return;
    }
    this.#send('exec.started', channel, { process: process.process, pid: process.pid });
    void process.run((start.flags & execFlags.stdin) !== 0);
  }

  #attach(channel: number, attach: FrameFields<'exec.attach'>): void {
    const process = this.#machine.process(attach.process);
    const before = process.unfollow();
    if (before !== undefined) {
      void before.send(encodeFrame('done', before.channel, { count: 0 }));
      before.ended();
    }
    const exec = this.#follow(channel, () => process, false);
    const at = process.follow(
      exec,
      { stdout: attach.stdoutCursor, stderr: attach.stderrCursor },
      attach.credit,
    );
    this.#send('exec.attached', channel, {
      process: process.process,
      pid: process.pid,
      flags: 0,
      stdoutCursor: at.stdout,
      stderrCursor: at.stderr,
    });
    process.resumeOutput();
  }

  #follow(channel: number, find: (follower: Follower) => FakeProcess, isMuted: boolean): ExecChannel {
    const follower: Follower = {
      channel,
      isMuted,
      send: (frame) => {
        const sent = this.#stream.write(frame);
        if (this.#failure() === 'dies') this.#stream.break(new Error('connection reset by peer'));
        return sent;
      },
      ended: () => this.#execs.delete(channel),
    };
    const exec = Object.assign(follower, { process: find(follower) });
    this.#execs.set(channel, exec);
    return exec;
  }

  #letGo(channel: number): void {
    const exec = this.#execs.get(channel);
    if (exec === undefined) return;
    exec.process.unfollow(exec);
    this.#execs.delete(channel);
    this.#done(channel, 0);
  }

  #done(channel: number, count: number): void {
    this.#send('done', channel, { count });
  }

  #write<N extends FrameName>(name: N, channel: number, fields: Encodable<N>): Promise<void> | undefined {
    return this.#stream.write(encodeFrame(name, channel, fields));
  }

  #send<N extends FrameName>(name: N, channel: number, fields: Encodable<N>): void {
    void this.#write(name, channel, fields);
  }
}

function listed(process: FakeProcess): FrameFields<'exec.listed'> {
  const { exit } = process;
  return {
    process: process.process,
    session: process.session,
    pid: process.pid,
    flags: 0,
    running: exit === undefined ? 1 : 0,
    cause: exit?.cause ?? 0,
    code: exit?.code ?? 0,
    signal: exit?.signal ?? 0,
    startedMs: process.startedMs,
    stdoutBytes: process.rings.stdout.total,
    stderrBytes: process.rings.stderr.total,
    argv: process.argv,
  };
}
