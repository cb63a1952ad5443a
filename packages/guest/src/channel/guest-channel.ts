import {
  channelLimits,
  decodeFrame,
  encodeFrame,
  execFlags,
  signalScopes,
  SovereignError,
  type FrameName,
} from '@sovereign/protocol';
import type {
  ByteStream,
  GuestChannel,
  GuestFiles,
  GuestProcess,
  GuestTunnels,
  GuestWelcome,
  OutputSink,
  ProcessInfo,
  ResolvedExec,
  TerminalSize,
} from '@sovereign/core';
import { Connection, type RecyclingStream } from './connection.ts';
import { ControlChannel, encodeHello } from './control-channel.ts';
import { encodeExecStart } from './exec-frame.ts';
import { ChannelFiles } from './guest-files.ts';
import { ChannelSystem, type GuestSystem } from './guest-system.ts';
import { ChannelTunnels } from './guest-tunnels.ts';
import { FollowedProcess, type ProcessControl } from './guest-process.ts';
import { collectProcesses } from './process-list.ts';
import { Request } from './request.ts';

export interface GuestChannelOptions {
  /** How long the guest may take to answer hello. Default 10,000: a microVM without KVM boots in less. */
  readonly welcomeTimeoutMs?: number;
  /** Output of one process, or content of one file, that may wait unread on this side. Default 2 MiB: keeps the pipe busy. */
  readonly windowBytes?: number;
  /** What we call ourselves to the guest. Default `sovereign`. */
  readonly client?: string;
}

/** The host side of a guest channel, with what only the init of a virtual machine answers. */
export interface HostGuestChannel extends GuestChannel, AsyncDisposable {
  readonly system: GuestSystem;
}

/**
 * Speaks the guest channel over a stream, which belongs to the channel from now on. Calls may be made at once.
 *
 * A stream with a `recycle` method gets back the chunks that nobody kept; the chunks of any other belong to the channel.
 */
export function connectGuestChannel(
  stream: ByteStream | RecyclingStream,
  options: GuestChannelOptions = {},
): HostGuestChannel {
  return new HostChannel(stream, options);
}

class HostChannel implements HostGuestChannel, ProcessControl {
  readonly files: GuestFiles;
  readonly system: GuestSystem;
  readonly tunnels: GuestTunnels;
  readonly #control: ControlChannel;
  readonly #connection: Connection;
  readonly #windowBytes: number;

  constructor(stream: ByteStream | RecyclingStream, options: GuestChannelOptions) {
    const {
      welcomeTimeoutMs = 10_000,
      windowBytes = channelLimits.outputWindowBytes,
      client = 'sovereign',
    } = options;
    const hello = encodeHello(client);
    this.#control = new ControlChannel(() => {
      clearTimeout(timer);
    });
    this.#windowBytes = windowBytes;
    const connection = new Connection(stream, this.#control);
    this.#connection = connection;
    this.files = new ChannelFiles(connection, windowBytes);
    this.system = new ChannelSystem(connection);
    this.tunnels = new ChannelTunnels(connection);
    const timer = setTimeout(() => {
      connection.fail(welcomeTimedOut(welcomeTimeoutMs));
    }, welcomeTimeoutMs);
    // Whether this process stays alive is up to the stream.
    timer.unref();
    connection.send(hello);
    void connection.run().finally(() => {
      clearTimeout(timer);
    });
  }

  get welcome(): Promise<GuestWelcome> {
    return this.#control.welcome;
  }

  get closed(): Promise<Error | undefined> {
    return this.#connection.closed;
  }

  ping(signal?: AbortSignal): Promise<number> {
    return this.#control.ping((frame) => {
      this.#connection.send(frame);
    }, signal);
  }

  exec(exec: ResolvedExec, sink?: OutputSink): GuestProcess {
    const process = new FollowedProcess({
      link: this.#connection,
      control: this,
      request: 'exec.start',
      process: 0,
      windowBytes: this.#windowBytes,
      canWrite: exec.openStdin === true,
      sink,
    });
    this.#follow(process, (channel) => encodeExecStart(channel, exec, this.#windowBytes));
    return process;
  }

  attach(
    process: number,
    cursors: { readonly stdout: number; readonly stderr: number },
    sink?: OutputSink,
  ): GuestProcess {
    const followed = new FollowedProcess({
      link: this.#connection,
      control: this,
      request: 'exec.attach',
      process,
      windowBytes: this.#windowBytes,
      canWrite: true,
      sink,
    });
    this.#follow(followed, (channel) =>
      encodeFrame('exec.attach', channel, {
        process,
        flags: execFlags.stdin,
        stdoutCursor: cursors.stdout,
        stderrCursor: cursors.stderr,
        credit: this.#windowBytes,
      }),
    );
    return followed;
  }

  async processes(): Promise<readonly ProcessInfo[]> {
    const infos: ProcessInfo[] = [];
    const request = new Request<readonly ProcessInfo[]>({
      request: 'exec.list',
      onFrame: collectProcesses(infos),
      finish: () => infos,
    });
    return this.#ask(request, (channel) => encodeFrame('exec.list', channel, {}));
  }

  async signalProcess(process: number, signal: number, scope: 'child' | 'group' | 'tree'): Promise<void> {
    await this.#count('exec.signal', (channel) =>
      encodeFrame('exec.signal', channel, { process, signal, scope: signalScopes[scope] }),
    );
  }

  async resizeProcess(process: number, size: TerminalSize): Promise<void> {
    const { rows, columns } = size;
    await this.#count('exec.resize', (channel) =>
      encodeFrame('exec.resize', channel, { process, rows, columns }),
    );
  }

  async killProcess(process: number): Promise<{ readonly killed: number }> {
    return {
      killed: await this.#count('exec.kill', (channel) => encodeFrame('exec.kill', channel, { process })),
    };
  }

  async forgetProcess(process: number): Promise<void> {
    await this.#count('exec.forget', (channel) => encodeFrame('exec.forget', channel, { process }));
  }

  async openSession(options: { readonly cwd: string; readonly env: readonly string[] }): Promise<number> {
    const request = new Request<number>({
      request: 'session.open',
      terminal: 'session.opened',
      finish: (_count, payload) => decodeFrame('session.opened', payload).session,
    });
    return this.#ask(request, (channel) => encodeFrame('session.open', channel, options));
  }

  async killSession(session: number): Promise<{ readonly killed: number }> {
    return {
      killed: await this.#count('session.kill', (channel) =>
        encodeFrame('session.kill', channel, { session }),
      ),
    };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Arguments that cannot be sent are thrown at once; that the connection is gone shows in the process's promises. */
  #follow(process: FollowedProcess, encode: (channel: number) => Uint8Array): void {
    const failure = this.#connection.failure;
    if (failure === undefined) process.open(this.#connection.open(process, encode));
    else process.fail(failure);
  }

  #count(request: FrameName, encode: (channel: number) => Uint8Array): Promise<number> {
    return this.#ask(new Request<number>({ request, finish: (count) => count }), encode);
  }

  #ask<T>(request: Request<T>, encode: (channel: number) => Uint8Array): Promise<T> {
    this.#connection.open(request, encode);
    return request.result;
  }
}

function welcomeTimedOut(timeoutMs: number): SovereignError {
  return new SovereignError({
    reason: 'channel.timeout',
    message: `The guest did not answer hello within ${timeoutMs} ms.`,
    hint: 'Look at the output of the guest; raise welcomeTimeoutMs where it boots slowly.',
    context: { timeoutMs },
  });
}
