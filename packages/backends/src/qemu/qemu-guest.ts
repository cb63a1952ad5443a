import { rmSync } from 'node:fs';
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
import { guestDefaults } from '@sovereign/guest';
import { identityOf, type MachineFile, type MachineState } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { MachineConversation } from './machine-conversation.ts';
import { isStopped, machineUse, monitorPid } from './monitor-process.ts';
import { awaitMonitor } from './qmp-client.ts';
import type { WarmConversations } from './warm-conversations.ts';

/** How long the kernel may take to end killed processes before we report them. */
const killTimeoutMs = 10_000;
/** How long a machine may take to boot: far above its second, for a host under load. */
const bootTimeoutMs = 60_000;
const answerTimeoutMs = 10_000;
/** Between the end of the grace and the end of the machine: it kills what is left and writes to its disk. */
const endingMs = 5_000;

/** What a guest needs of its backend. */
export interface QemuGuestHost {
  readonly state: MachineState;
  readonly warm: WarmConversations;
  portsPath(id: SandboxId): string;
  monitorSocketPath(id: SandboxId): string;
  /** Starts the machine and records it; nobody else may start or end it meanwhile. */
  launch(spec: SandboxSpec): Promise<void>;
  /** What the image of a sandbox wants of commands; undefined when it has none of a name. */
  imageConfig(spec: SandboxSpec): Promise<ImageConfig | undefined>;
  /** Lets go of the image that the sandbox has, if it is one of a name. */
  releaseImage(id: SandboxId): void;
}

/** One microVM under QEMU. It holds nothing in memory that the state directory and the kernel do not know. */
export class QemuGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly isHomeDefault: boolean;
  readonly workspaceOwner = 'root';
  readonly conversation: MachineConversation;
  readonly #host: QemuGuestHost;

  constructor(spec: SandboxSpec, host: QemuGuestHost, image?: ImageConfig) {
    this.id = spec.id;
    this.spec = spec;
    // The user of its image does not apply: commands run as root of the machine (ADR 0023).
    const { workspacePath, baseEnv, isHomeDefault } = guestDefaults(spec, image);
    this.workspacePath = workspacePath;
    this.baseEnv = baseEnv;
    this.isHomeDefault = isHomeDefault;
    this.#host = host;
    this.conversation = new MachineConversation({
      spec,
      workspacePath: this.workspacePath,
      state: host.state,
      portsPath: host.portsPath(spec.id),
      monitorSocketPath: host.monitorSocketPath(spec.id),
    });
  }

  /** Its state, and where a snapshot of ours was under way when its process ended, what the monitor says of it. */
  async status(): Promise<GuestState> {
    const state = this.state();
    return state === 'running' && (await this.conversation.standsStill()) ? 'paused' : state;
  }

  /** The state from the live process: a record alone never counts as running. What may stand still in a snapshot counts as running. */
  state(): GuestState {
    const machine = this.#machine();
    if (machine === 'corrupt') return 'broken';
    if (machine === undefined) return 'created';
    if (!isAlive(machine)) return 'stopped';
    return isStopped(machine) ? 'paused' : 'running';
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.expect(['created', 'stopped'], 'start');
    await withStartLock(this.#host.state.startLockPath(this.id), async () => {
      // Whoever held the lock before may have started it.
      if (!['created', 'stopped'].includes(this.state())) return;
      this.conversation.snapshotLock.forget();
      await this.#host.launch(this.spec);
    });
    await this.settle(signal);
  }

  /** Waits for a machine that was just started to boot, and tells it who it is. */
  async settle(signal?: AbortSignal): Promise<void> {
    await awaitMonitor(this.#host.monitorSocketPath(this.id), bootTimeoutMs).catch((error: unknown) => {
      throw this.conversation.crashed(error);
    });
    await this.introduce({ isBooting: true, ...(signal !== undefined && { signal }) });
  }

  /** Tells a machine whose monitor is up who it is, and gives it its workspace. */
  async introduce(options: { readonly isBooting: boolean; readonly signal?: AbortSignal }): Promise<void> {
    const channel = await this.conversation.begin({ timeoutMs: bootTimeoutMs, ...options });
    try {
      // SAFETY: a guest does what it is told in order, so it has its identity first (tests/microvm/snapshots.test.ts).
      await Promise.all([
        channel.system.identify(identityOf(this.spec)),
        this.conversation.mountWorkspace(channel),
      ]);
    } catch (error) {
      await channel.close();
      throw this.conversation.crashed(error);
    }
    if (this.spec.pool === undefined) await channel.close();
    else this.#host.warm.keep(this.id, channel);
  }

  /** Gives a machine that runs the identity of what it is to be now. */
  async identify(): Promise<void> {
    const channel = this.#host.warm.take(this.id) ?? (await this.conversation.begin());
    try {
      await channel.system.identify(identityOf(this.spec));
    } catch (error) {
      throw this.conversation.crashed(error);
    } finally {
      await channel.close();
    }
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    this.expect(['running', 'paused'], 'stop');
    const machine = this.#machine();
    if (this.state() === 'paused') this.#signalMonitor('SIGCONT');
    if (typeof machine === 'object') {
      const hasBegun = await this.#shutDown(options.graceMs).then(
        () => true,
        () => false,
      );
      if (hasBegun) await until(() => !isAlive(machine), options.graceMs + endingMs);
    }
    await this.#withoutStart(async () => {
      // Another may have ended it meanwhile, and started it again: that one was not meant.
      const now = this.#machine();
      if (typeof machine === 'object' && typeof now === 'object' && isSameProcess(machine, now))
        await this.#end();
    });
  }

  async pause(): Promise<void> {
    this.expect(['running'], 'pause', await this.status());
    this.#signalMonitor('SIGSTOP');
    await until(() => this.state() === 'paused', killTimeoutMs);
  }

  async resume(): Promise<void> {
    this.expect(['paused'], 'resume', await this.status());
    this.#signalMonitor('SIGCONT');
    await until(() => this.state() === 'running', killTimeoutMs);
    await this.conversation.goOn();
  }

  setLimits(_limits: LimitSpec): Promise<void> {
    return Promise.reject(
      new SovereignError({
        reason: 'capability.missing',
        message: `Cannot change the limits of ${this.id}: memory and processors of a microVM are set when it starts.`,
        hint: 'Create another with the limits that you need.',
        context: { operation: 'set limits of' },
      }),
    );
  }

  async stats(): Promise<GuestStats> {
    this.expect(['running'], 'measure');
    const machine = this.#machine();
    const use = typeof machine === 'object' ? machineUse(machine) : { cpuUs: 0, memoryBytes: 0 };
    const { processes } = await this.conversation.say((channel) => channel.system.usage());
    return { ...use, pids: processes };
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    this.expect(['running'], 'connect to');
    return this.conversation.connect(signal === undefined ? {} : { signal });
  }

  remove(): Promise<void> {
    return this.#withoutStart(async () => {
      await this.#end();
      await this.#host.state.remove(this.id, this.spec.name);
      this.#host.releaseImage(this.id);
    });
  }

  #withoutStart(end: () => Promise<void>): Promise<void> {
    return withoutStart(this.#host.state.startLockPath(this.id), end);
  }

  async #end(): Promise<void> {
    await this.#kill();
    rmSync(this.#host.portsPath(this.id), { recursive: true, force: true });
    rmSync(this.#host.monitorSocketPath(this.id), { force: true });
  }

  #shutDown(graceMs: number): Promise<void> {
    const timeoutMs = Math.min(answerTimeoutMs, graceMs + endingMs);
    return this.conversation.say((channel) => channel.system.shutdown(graceMs), { timeoutMs });
  }

  #signalMonitor(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const machine = this.#machine();
    const monitor = typeof machine === 'object' ? monitorPid(machine) : undefined;
    if (monitor !== undefined) signalProcess(monitor, signal);
  }

  /** The first process of the jail takes everything in its namespace with it; the launcher's monitor follows. */
  async #kill(): Promise<void> {
    const machine = this.#machine();
    if (typeof machine !== 'object') return;
    signalProcess(machine, 'SIGKILL');
    if (await until(() => !isAlive(machine), killTimeoutMs)) return;
    throw new SovereignError({
      reason: 'sandbox.remove-failed',
      message: `The machine of ${this.id} did not end within ${killTimeoutMs} ms of being killed.`,
      hint: 'Try again; a disk that does not answer can hold a process for long.',
      context: { id: this.id },
    });
  }

  /** SAFETY: a file that cannot be read names no process, so none is signalled by it. */
  #machine(): MachineFile | 'corrupt' | undefined {
    try {
      return this.#host.state.readMachine(this.id);
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.state-corrupt') return 'corrupt';
      throw error;
    }
  }

  /** @throws SovereignError `sandbox.not-running` unless it is in one of these states */
  expect(states: readonly GuestState[], operation: string, state: GuestState = this.state()): void {
    expectState(this.id, state, states, operation);
  }
}
