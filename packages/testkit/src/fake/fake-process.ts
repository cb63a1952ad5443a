import { channelLimits, encodeFrame, exitCauses, type FrameFields } from '@sovereign/protocol';
import { ByteQueue } from './byte-queue.ts';
import type { FakeProgram, FakeProgramContext } from './fake-program.ts';
import { OutputRing } from './output-ring.ts';

type Start = FrameFields<'exec.start'>;
type StreamName = 'stdout' | 'stderr';

/** Where a follower's frames go. A promise means: wait before sending more. */
export interface Follower {
  readonly channel: number;
  /** Hears of the exit only: a detached exec. */
  readonly isMuted: boolean;
  send(frame: Uint8Array): Promise<void> | undefined;
  ended(): void;
}

export interface FakeProcessInit {
  readonly process: number;
  readonly pid: number;
  readonly start: Start;
  readonly program: FakeProgram;
  readonly context: Pick<FakeProgramContext, 'env' | 'files' | 'find'>;
  /** Resolves while the guest is not paused. */
  readonly unpaused: () => Promise<void>;
  readonly follower: Follower | undefined;
  readonly onExit: (process: FakeProcess) => void;
}

class Ended extends Error {}

const outputFrames = { stdout: 'exec.stdout', stderr: 'exec.stderr' } as const;
const maxDataBytes = 65_536;

/** One process of the fake guest: a built-in program, two rings, and whoever follows them. */
export class FakeProcess {
  readonly process: number;
  readonly pid: number;
  readonly session: number;
  readonly argv: readonly string[];
  readonly startedMs: number = Date.now();
  readonly rings: Readonly<Record<StreamName, OutputRing>>;
  exit: FrameFields<'exec.exited'> | undefined;
  readonly #init: FakeProcessInit;
  readonly #abort = new AbortController();
  readonly #stdin: ByteQueue;
  readonly #timers: NodeJS.Timeout[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #follower: Follower | undefined;
  #credit = 0;
  /** Bytes that came with exec.start: they took no credit, so none is given back for them. */
  #inlineStdin: number;
  #sent = { stdout: 0, stderr: 0 };
  #isPumping = false;
  #wakeWriters: (() => void)[] = [];

  constructor(init: FakeProcessInit) {
    const { start } = init;
    this.#init = init;
    this.process = init.process;
    this.pid = init.pid;
    this.session = start.session;
    this.argv = start.argv;
    const ringBytes = clamp(start.ringBytes === 0 ? channelLimits.defaultRingBytes : start.ringBytes);
    this.rings = { stdout: new OutputRing(ringBytes), stderr: new OutputRing(ringBytes) };
    this.#stdin = new ByteQueue((bytes) => this.#grantStdin(bytes));
    this.#follower = init.follower;
    this.#credit = start.credit;
    this.#inlineStdin = start.stdin.byteLength;
    this.#stdin.push(start.stdin);
  }

  get cwd(): string {
    return this.#init.start.cwd;
  }

  /** Runs the program to its end. Never rejects. */
  async run(isStdinOpen: boolean): Promise<void> {
    if (!isStdinOpen) this.#stdin.end();
    const { timeoutMs, idleTimeoutMs } = this.#init.start;
    if (timeoutMs > 0) this.#timers.push(setTimeout(() => this.finish('timeout', 9), timeoutMs));
    if (idleTimeoutMs > 0) this.#restartIdleTimer();
    try {
      const code = await this.#init.program({
        ...this.#init.context,
        argv: this.argv,
        cwd: this.#init.start.cwd,
        pid: this.pid,
        stdin: this.#stdin.read(),
        signal: this.#abort.signal,
        write: (stream, data) => this.#write(stream, data),
        sleep: (ms) => this.#sleep(ms),
        raise: (signal) => {
          this.finish('signalled', signal);
          throw new Ended();
        },
      });
      this.finish('exited', 0, code);
    } catch (error) {
      if (!(error instanceof Ended)) this.finish('spawnFailed', 0, 126);
    }
  }

  pushStdin(data: Uint8Array): void {
    this.#stdin.push(data);
  }

  endStdin(): void {
    this.#stdin.end();
  }

  /** The first cause wins; later ones come too late. Returns false then. */
  finish(cause: keyof typeof exitCauses, signal: number, code: number = 128 + signal): boolean {
    if (this.exit !== undefined) return false;
    for (const timer of [...this.#timers, this.#idleTimer]) clearTimeout(timer);
    this.exit = {
      process: this.process,
      cause: exitCauses[cause],
      code,
      signal,
      stdoutBytes: this.rings.stdout.total,
      stderrBytes: this.rings.stderr.total,
      wallUs: (Date.now() - this.startedMs) * 1000,
      userUs: 0,
      systemUs: 0,
      maxRssKib: 0,
    };
    this.#abort.abort();
    this.#stdin.end();
    this.#releaseWriters();
    this.#init.onExit(this);
    this.#pump();
    return true;
  }

  /** A new follower from the given cursors; returns where its output really begins. */
  follow(
    follower: Follower,
    cursors: { readonly stdout: number; readonly stderr: number },
    credit: number,
  ): { readonly stdout: number; readonly stderr: number } {
    this.#follower = follower;
    this.#credit = credit;
    this.#sent = {
      stdout: Math.min(Math.max(cursors.stdout, this.rings.stdout.start), this.rings.stdout.total),
      stderr: Math.min(Math.max(cursors.stderr, this.rings.stderr.start), this.rings.stderr.total),
    };
    return { ...this.#sent };
  }

  /** Starts sending; after the answer to attach is on its way. */
  resumeOutput(): void {
    this.#releaseWriters();
    this.#pump();
  }

  /** Lets go of a follower: from now on the oldest output gives way. Returns it when it was somebody else's turn. */
  unfollow(follower?: Follower): Follower | undefined {
    const current = this.#follower;
    if (follower !== undefined && current !== follower) return undefined;
    this.#follower = undefined;
    this.#releaseWriters();
    return current;
  }

  grant(follower: Follower, bytes: number): void {
    if (this.#follower !== follower) return;
    this.#credit += bytes;
    this.#pump();
  }

  async #write(stream: StreamName, data: Uint8Array): Promise<void> {
    const ring = this.rings[stream];
    let offset = 0;
    while (offset < data.byteLength) {
      await this.#init.unpaused();
      if (this.exit !== undefined) throw new Ended();
      const room =
        this.#follower?.isMuted !== false
          ? data.byteLength
          : ring.capacity - (ring.total - this.#sent[stream]);
      const piece = data.subarray(offset, offset + Math.min(room, ring.capacity));
      if (piece.byteLength === 0) {
        await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
        continue;
      }
      ring.append(piece);
      offset += piece.byteLength;
      if (this.#idleTimer !== undefined) this.#restartIdleTimer();
      this.#pump();
    }
    // A macrotask: a program that never waits must not starve the event loop of the fake's peer.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#abort.signal.aborted) throw new Ended();
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#timers.push(setTimeout(resolve, Math.min(ms, 0x7fff_ffff)));
      this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await this.#init.unpaused();
    if (this.#abort.signal.aborted) throw new Ended();
  }

  #restartIdleTimer(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.finish('idleTimeout', 9), this.#init.start.idleTimeoutMs);
  }

  #grantStdin(taken: number): void {
    const inline = Math.min(taken, this.#inlineStdin);
    this.#inlineStdin -= inline;
    const bytes = taken - inline;
    if (bytes === 0) return;
    const follower = this.#init.follower;
    if (follower !== undefined && this.#follower === follower) {
      void follower.send(encodeFrame('credit', follower.channel, { bytes }));
    }
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    void this.#pumpAll();
  }

  /** Sends until there is nothing to send or no credit. Leaves the flag down in the same tick as it finds that out. */
  async #pumpAll(): Promise<void> {
    for (;;) {
      const follower = this.#follower;
      const stream = follower === undefined ? undefined : this.#nextStream(follower);
      if (follower === undefined || stream === undefined) {
        this.#isPumping = false;
        if (follower !== undefined && this.exit !== undefined && !this.#hasUnsent(follower)) {
          this.#follower = undefined;
          void follower.send(encodeFrame('exec.exited', follower.channel, this.exit));
          follower.ended();
        }
        return;
      }
      const data = this.rings[stream].read(this.#sent[stream], Math.min(this.#credit, maxDataBytes));
      this.#sent[stream] += data.byteLength;
      this.#credit -= data.byteLength;
      this.#releaseWriters();
      await follower.send(encodeFrame(outputFrames[stream], follower.channel, { data }));
    }
  }

  #nextStream(follower: Follower): StreamName | undefined {
    if (this.#credit === 0 || follower.isMuted) return undefined;
    if (this.rings.stdout.total > this.#sent.stdout) return 'stdout';
    return this.rings.stderr.total > this.#sent.stderr ? 'stderr' : undefined;
  }

  #hasUnsent(follower: Follower): boolean {
    if (follower.isMuted) return false;
    return this.rings.stdout.total > this.#sent.stdout || this.rings.stderr.total > this.#sent.stderr;
  }

  #releaseWriters(): void {
    const waiting = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const resolve of waiting) resolve();
  }
}

function clamp(ringBytes: number): number {
  return Math.min(Math.max(ringBytes, channelLimits.minRingBytes), channelLimits.maxRingBytes);
}
