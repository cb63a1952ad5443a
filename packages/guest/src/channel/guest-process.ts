import {
  channelLimits,
  decodeFrame,
  encodeFrame,
  execFlags,
  frames,
  signalNumbers,
  SovereignError,
  type SignalName,
} from '@sovereign/protocol';
import type { ExitStatus, GuestProcess, OutputChunk, OutputSink, TerminalSize } from '@sovereign/core';
import type { ChannelHandler, ChannelLink } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';
import { DataSender } from './data-sender.ts';
import { readExitStatus } from './exit-status.ts';
import { ProcessOutput, type StreamIndex } from './process-output.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';

/** What a followed process asks of the channel beside its own frames. */
export interface ProcessControl {
  signalProcess(process: number, signal: number, scope: 'child' | 'group' | 'tree'): Promise<void>;
  resizeProcess(process: number, size: TerminalSize): Promise<void>;
  killProcess(process: number): Promise<{ readonly killed: number }>;
}

export interface FollowedProcessInit {
  readonly link: ChannelLink;
  readonly control: ProcessControl;
  /** The request that opened the channel. */
  readonly request: 'exec.start' | 'exec.attach';
  /** The process that is attached to; 0 where the guest will choose. */
  readonly process: number;
  readonly windowBytes: number;
  readonly canWrite: boolean;
  readonly sink: OutputSink | undefined;
}

interface Started {
  readonly process: number;
  readonly pid: number;
}

const noBytes = new Uint8Array(0);

/**
 * A process that runs in the guest, and the channel that follows it.
 *
 * `exit` resolves when the guest reports the end, or, where the output is iterated, when its last chunk was handed out.
 * Without a sink and without iteration output waits here up to the window, then the process waits: iterate, give a
 * sink, or detach. After `detach`, or when another attachment took over, iteration ends and `exit` rejects with
 * `operation.cancelled`: how the process ends is told to whoever attaches next.
 */
export class FollowedProcess implements GuestProcess, ChannelHandler {
  readonly #link: ChannelLink;
  readonly #control: ProcessControl;
  readonly #request: 'exec.start' | 'exec.attach';
  readonly #output: ProcessOutput;
  readonly #stdin: DataSender | undefined;
  readonly #started = new Settlement<Started>();
  readonly #exit = new Settlement<ExitStatus>();
  readonly #detached = new Settlement<void>();
  #channel = 0;
  #process: number;
  #isStarted = false;
  #hasEnded = false;
  /** Nobody wants its output any more: it is counted and dropped until the guest confirms. */
  #isLeft = false;
  #stream: StreamIndex = 0;

  constructor(init: FollowedProcessInit) {
    this.#link = init.link;
    this.#control = init.control;
    this.#request = init.request;
    this.#process = init.process;
    this.#stdin = init.canWrite
      ? new DataSender(init.link, 'exec.stdin', channelLimits.stdinWindowBytes)
      : undefined;
    this.#output = new ProcessOutput({
      windowBytes: init.windowBytes,
      sink: init.sink,
      grant: (bytes) => {
        this.#link.send(encodeFrame('credit', this.#channel, { bytes }));
      },
    });
  }

  get started(): Promise<Started> {
    return this.#started.promise;
  }

  get exit(): Promise<ExitStatus> {
    return this.#exit.promise;
  }

  get cursors(): { readonly stdout: number; readonly stderr: number } {
    return this.#output.cursors;
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputChunk, undefined> {
    return this.#output.iterate();
  }

  async write(data: Uint8Array): Promise<void> {
    const stdin = this.#openStdin();
    // SAFETY: shelld ends a connection that sends stdin after its end; shelld.contract.test.ts holds that none is sent.
    if (stdin.hasEnd) throw stdinClosedError();
    await stdin.send(data);
  }

  async endStdin(): Promise<void> {
    const stdin = this.#openStdin();
    if (!stdin.hasEnd) await stdin.send(noBytes, 'exec.stdinEnd');
  }

  async signal(signal: SignalName, scope: 'child' | 'group' | 'tree' = 'child'): Promise<void> {
    const { process } = await this.started;
    await this.#control.signalProcess(process, signalNumbers[signal], scope);
  }

  async resize(size: TerminalSize): Promise<void> {
    const { process } = await this.started;
    await this.#control.resizeProcess(process, size);
  }

  async kill(): Promise<void> {
    const { process } = await this.started;
    await this.#control.killProcess(process);
  }

  detach(): Promise<void> {
    this.#leave();
    return this.#detached.promise;
  }

  /** The id of the channel, once it is known. */
  open(channel: number): void {
    this.#channel = channel;
    // Whether an attachment may write is for the guest to say.
    if (this.#request === 'exec.start') this.#stdin?.open(channel);
  }

  frame(code: number, payload: Uint8Array): void {
    switch (code) {
      case frames['exec.started'].code:
        return this.#onStarted(payload);
      case frames['exec.exited'].code:
        return this.#onExited(payload);
      case frames['exec.attached'].code:
        return this.#onAttached(payload);
      case frames.credit.code:
        if (this.#stdin === undefined) throw protocolViolation('credit for a process without stdin');
        return this.#stdin.grant(decodeFrame('credit', payload).bytes);
      case frames.refused.code:
        return this.fail(readRefusal(this.#request, payload));
      case frames.done.code:
        return this.#onDone(payload);
      default:
        throw protocolViolation(`frame of type 0x${code.toString(16)} on the channel of a process`);
    }
  }

  dataStart(code: number, length: number): void {
    if (!this.#isStarted) throw protocolViolation('output of a process before it was started');
    if (code === frames['exec.stdout'].code) this.#stream = 0;
    else if (code === frames['exec.stderr'].code) this.#stream = 1;
    else throw protocolViolation('content of a file on the channel of a process');
    this.#output.announce(length);
  }

  data(bytes: Uint8Array): boolean {
    if (this.#isLeft) {
      this.#output.drop(this.#stream, bytes);
      return false;
    }
    try {
      return this.#output.accept(this.#stream, bytes);
    } catch (error) {
      // The sink is the caller's; its fault ends this process's following and not the connection.
      this.#leave();
      this.#finish(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  fail(error: Error): void {
    this.#started.reject(error);
    this.#finish(error);
    this.#detached.reject(error);
  }

  #onStarted(payload: Uint8Array): void {
    if (this.#request !== 'exec.start') throw protocolViolation('exec.started as an answer to exec.attach');
    if (this.#isStarted) throw protocolViolation('exec.started twice');
    const started = decodeFrame('exec.started', payload);
    this.#begin(started.process, started.pid);
  }

  #onAttached(payload: Uint8Array): void {
    if (this.#request !== 'exec.attach') throw protocolViolation('exec.attached as an answer to exec.start');
    if (this.#isStarted) throw protocolViolation('exec.attached twice');
    const attached = decodeFrame('exec.attached', payload);
    if (attached.process !== this.#process)
      throw protocolViolation(`attached to process ${attached.process} in place of ${this.#process}`);
    this.#output.begin(attached.stdoutCursor, attached.stderrCursor);
    if ((attached.flags & execFlags.stdin) !== 0) this.#stdin?.open(this.#channel);
    else this.#stdin?.fail(stdinClosedError());
    this.#begin(attached.process, attached.pid);
  }

  #begin(process: number, pid: number): void {
    this.#isStarted = true;
    this.#process = process;
    this.#started.resolve({ process, pid });
  }

  #onExited(payload: Uint8Array): void {
    const fields = decodeFrame('exec.exited', payload);
    if (this.#isStarted ? fields.process !== this.#process : this.#request === 'exec.attach') {
      throw protocolViolation(`end of process ${fields.process} on the channel of process ${this.#process}`);
    }
    const status = readExitStatus(fields);
    // What could not be started (no such program) has an end and no beginning; it never had a pid.
    if (!this.#isStarted) this.#started.resolve({ process: fields.process, pid: 0 });
    this.#hasEnded = true;
    this.#stdin?.fail(endedError(this.#process));
    this.#output.end(undefined, () => {
      this.#exit.resolve(status);
    });
    this.#detached.resolve();
  }

  /** The guest let go: after a cancel of ours, or because a later attachment took over. */
  #onDone(payload: Uint8Array): void {
    decodeFrame('done', payload);
    if (!this.#isStarted && !this.#isLeft) throw protocolViolation(`done as an answer to ${this.#request}`);
    const error = letGoError(this.#process);
    this.#started.reject(error);
    this.#finish(error, true);
    this.#detached.resolve();
  }

  #finish(error: Error, isOrderly = false): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stdin?.fail(error);
    this.#output.end(isOrderly ? undefined : error);
    this.#exit.reject(error);
  }

  #leave(): void {
    if (this.#isLeft || this.#hasEnded) return;
    this.#isLeft = true;
    this.#link.send(encodeFrame('cancel', this.#channel, {}));
  }

  #openStdin(): DataSender {
    if (this.#stdin !== undefined) return this.#stdin;
    throw stdinClosedError();
  }
}

function stdinClosedError(): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: 'stdin of this process is closed (openStdin: true to write to it).',
    hint: 'Start it with openStdin, or pass its stdin with the request.',
  });
}

function endedError(process: number): SovereignError {
  return new SovereignError({
    reason: 'process.not-found',
    message: `Process ${process} has ended and takes no stdin.`,
    hint: 'Stop writing when exit resolves.',
  });
}

function letGoError(process: number): SovereignError {
  return new SovereignError({
    reason: 'operation.cancelled',
    message: `Process ${process} is not followed any more: it was detached, or attached to elsewhere.`,
    hint: 'Attach to it to learn how it ends.',
  });
}
