import { readFileSync, rmSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import {
  expectState,
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  type ImageConfig,
  isAlive,
  isSameProcess,
  type LimitSpec,
  type SandboxId,
  type SandboxSpec,
  signalProcess,
  until,
  withoutStart,
  withStartLock,
} from '@sovereign/core';
import { connectUnixSocket, firstLines, guestDefaults } from '@sovereign/guest';
import { checkRoom, noControlGroups, type Cgroups } from './cgroups.ts';
import type { EventLog } from './events/event-log.ts';
import type { QuiltState } from './quilt-state.ts';
import type { GuestFile } from './guest-file.ts';

/** How long the kernel may take to end killed processes before we report them. */
const killTimeoutMs = 10_000;

/** What a guest needs of its backend. */
export interface QuiltGuestHost {
  readonly state: QuiltState;
  readonly cgroups: Cgroups;
  readonly events: EventLog;
  socketPath(id: SandboxId): string;
  /** Brings the guest's first process up and records it; nobody else may start or end it meanwhile. */
  launch(spec: SandboxSpec): Promise<void>;
  /** Takes a sandbox that is removed out of what others know of it. */
  forget(id: SandboxId): Promise<void>;
  /** Deletes what is in a directory with the rights of a guest's root. */
  emptyAsGuest(directory: string): Promise<void>;
  /** What the sandbox's image says of commands; undefined for an image that says nothing of its own. */
  imageConfig(spec: SandboxSpec): Promise<ImageConfig | undefined>;
  /** Lets go of the image that the sandbox holds, if any. */
  releaseImage(id: SandboxId): void;
}

/** One quilt sandbox. It holds nothing in memory that the state directory and the kernel do not know. */
export class QuiltGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly isHomeDefault: boolean;
  readonly workspaceOwner = 'root';
  /** It was brought up by us, and nobody has connected to it yet. */
  isNew = false;
  readonly #host: QuiltGuestHost;

  constructor(spec: SandboxSpec, host: QuiltGuestHost, image?: ImageConfig) {
    this.id = spec.id;
    this.spec = spec;
    const { workspacePath, baseEnv, user, isHomeDefault } = guestDefaults(spec, image);
    this.workspacePath = workspacePath;
    this.baseEnv = baseEnv;
    if (user !== undefined) this.user = user;
    this.isHomeDefault = isHomeDefault;
    this.#host = host;
  }

  async status(): Promise<GuestState> {
    return Promise.resolve(this.state());
  }

  /** The state from the live process: a record alone never counts as running. */
  state(): GuestState {
    const guest = this.#guestFile();
    if (guest === 'corrupt') return 'broken';
    if (guest === undefined) return 'created';
    if (!isAlive(guest)) return 'stopped';
    return this.#host.cgroups.isFrozen(this.id) ? 'paused' : 'running';
  }

  async start(): Promise<void> {
    this.#expect(['created', 'stopped'], 'start');
    await withStartLock(this.#host.state.startLockPath(this.id), async () => {
      // Whoever held the lock before may have started it.
      if (!['created', 'stopped'].includes(this.state())) return;
      // A client that died between launching and recording has left one that nobody knows.
      await this.#kill();
      await this.#host.launch(this.spec);
    });
    this.isNew = true;
    this.#host.events.add('started', this.id);
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    this.#expect(['running', 'paused'], 'stop');
    if (this.state() === 'paused') this.#host.cgroups.setFrozen(this.id, false);
    const guest = this.#guestFile();
    if (typeof guest === 'object' && options.graceMs > 0 && signalProcess(guest, 'SIGTERM')) {
      await until(() => !isAlive(guest), options.graceMs);
    }
    await this.#withoutStart(async () => {
      // Another may have ended it meanwhile, and started it again: that one was not meant.
      if (isSameGuest(guest, this.#guestFile())) await this.#end();
    });
    this.#host.events.add('stopped', this.id);
  }

  async pause(): Promise<void> {
    this.#expect(['running'], 'pause');
    this.#requireCapability(this.#host.cgroups.controllers.includes('freezer'), 'pause');
    this.#host.cgroups.setFrozen(this.id, true);
    await until(() => this.#host.cgroups.isFrozen(this.id), killTimeoutMs);
    this.#host.events.add('paused', this.id);
  }

  async resume(): Promise<void> {
    this.#requireCapability(this.#host.cgroups.controllers.includes('freezer'), 'resume');
    this.#expect(['paused'], 'resume');
    this.#host.cgroups.setFrozen(this.id, false);
    await until(() => !this.#host.cgroups.isFrozen(this.id), killTimeoutMs);
    this.#host.events.add('resumed', this.id);
  }

  async setLimits(limits: LimitSpec): Promise<void> {
    this.#requireCapability(this.#host.cgroups.version !== 'none', 'change limits of');
    this.#expect(['running', 'paused'], 'set limits of');
    checkRoom(this.#host.cgroups, this.id, limits);
    this.#host.cgroups.setLimits(this.id, limits);
    await Promise.resolve();
  }

  async stats(): Promise<GuestStats> {
    this.#requireCapability(this.#host.cgroups.version !== 'none', 'measure');
    this.#expect(['running', 'paused'], 'measure');
    return Promise.resolve(this.#host.cgroups.stats(this.id));
  }

  async connect(): Promise<ByteStream> {
    const state = this.state();
    if (this.isNew && state === 'stopped') throw endedEarly(this.id, this.console());
    this.#expect(['running'], 'connect to', state);
    try {
      const stream = await connectUnixSocket(this.#host.socketPath(this.id));
      this.isNew = false;
      return stream;
    } catch (error) {
      if (this.isNew && this.state() === 'stopped') throw endedEarly(this.id, this.console(), error);
      throw error;
    }
  }

  remove(): Promise<void> {
    return this.#withoutStart(async () => {
      if (this.#host.cgroups.isFrozen(this.id)) this.#host.cgroups.setFrozen(this.id, false);
      await this.#end();
      await this.#host.forget(this.id);
      await this.#host.state.remove(this.id, this.spec.name, (directory) =>
        this.#host.emptyAsGuest(directory),
      );
      this.#host.releaseImage(this.id);
      this.#host.events.add('removed', this.id);
    });
  }

  /** Ends processes of it that nobody has recorded. */
  killStray(): Promise<void> {
    return this.#withoutStart(async () => {
      if (!['running', 'paused'].includes(this.state())) await this.#end();
    });
  }

  #withoutStart(end: () => Promise<void>): Promise<void> {
    return withoutStart(this.#host.state.startLockPath(this.id), end);
  }

  async #end(): Promise<void> {
    await this.#kill();
    removeSocket(this.#host.socketPath(this.id));
  }

  /** What the launcher and shelld printed, cut for an error message. */
  console(): string {
    try {
      return firstLines(readFileSync(this.#host.state.consolePath(this.id), 'utf8').slice(0, 64 * 1024));
    } catch {
      return firstLines('');
    }
  }

  /** PID 1 takes everything in its PID namespace with it; the launcher's monitor follows. */
  async #kill(): Promise<void> {
    const guest = this.#guestFile();
    if (typeof guest === 'object') signalProcess(guest, 'SIGKILL');
    const isGone = (): boolean => {
      if (typeof guest === 'object' && isAlive(guest)) return false;
      // What joined the groups before a launch failed half-way belongs to no namespace yet.
      for (const pid of this.#host.cgroups.processes(this.id)) killQuietly(pid);
      return this.#host.cgroups.remove(this.id);
    };
    if (await until(isGone, killTimeoutMs)) return;
    throw new SovereignError({
      reason: 'sandbox.remove-failed',
      message: `Processes of ${this.id} are still there ${killTimeoutMs / 1000} s after SIGKILL.`,
      hint: 'They wait in the kernel, often for a file system that does not answer. Try again later.',
      context: { id: this.id },
    });
  }

  /** SAFETY: a file that cannot be read names no process, so none is signalled by it; the groups know what is ours. */
  #guestFile(): GuestFile | 'corrupt' | undefined {
    try {
      return this.#host.state.readGuest(this.id);
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.state-corrupt') return 'corrupt';
      throw error;
    }
  }

  #requireCapability(isThere: boolean, operation: string): void {
    if (isThere) return;
    throw new SovereignError({
      reason: 'capability.missing',
      message: `Cannot ${operation} ${this.id}: ${noControlGroups.why} for it.`,
      hint: noControlGroups.hint,
      context: { operation },
    });
  }

  #expect(states: readonly GuestState[], operation: string, state = this.state()): void {
    expectState(this.id, state, states, operation);
  }
}

function endedEarly(id: SandboxId, said: string, cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'launcher.failed',
    message: `The guest of ${id} ended before it answered: ${said}`,
    hint: 'Is the image a whole root file system? Run `sovereign doctor` to see what this host lacks.',
    context: { id },
    cause,
  });
}

function isSameGuest(one: GuestFile | 'corrupt' | undefined, other: typeof one): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  return isSameProcess(one, other);
}

/** Where no directory of sockets could be made there is no socket either. */
function removeSocket(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
