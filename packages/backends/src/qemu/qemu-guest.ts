import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  isAlive,
  type LimitSpec,
  type SandboxId,
  type SandboxSpec,
  signalProcess,
} from '@sovereign/core';
import {
  connectGuestChannel,
  guestPaths,
  guestSearchPath,
  type HostGuestChannel,
  until,
} from '@sovereign/guest';
import type { MachineFile, MachineState } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { identityOf } from './machine-identity.ts';
import { workspaceTag } from './machine-paths.ts';
import { isStopped, machineUse, monitorPid } from './monitor-process.ts';
import { connectFreePort } from './ports.ts';
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
  /** Starts the machine and records it. */
  launch(spec: SandboxSpec): Promise<void>;
}

/** One microVM under QEMU. It holds nothing in memory that the state directory and the kernel do not know. */
export class QemuGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly #host: QemuGuestHost;

  constructor(spec: SandboxSpec, host: QemuGuestHost) {
    this.id = spec.id;
    this.spec = spec;
    this.workspacePath =
      spec.workspace === undefined ? '/' : (spec.workspace.guestPath ?? guestPaths.workspace);
    this.baseEnv = {
      PATH: guestSearchPath,
      HOME: '/root',
      LANG: 'C.UTF-8',
      PYTHONPATH: guestPaths.python,
      SOVEREIGN_SANDBOX: spec.id,
    };
    this.#host = host;
  }

  async status(): Promise<GuestState> {
    return Promise.resolve(this.state());
  }

  /** The state from the live process: a record alone never counts as running. */
  state(): GuestState {
    const machine = this.#machine();
    if (machine === 'corrupt') return 'broken';
    if (machine === undefined) return 'created';
    if (!isAlive(machine)) return 'stopped';
    return isStopped(machine) ? 'paused' : 'running';
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.expect(['created', 'stopped'], 'start');
    await this.#host.launch(this.spec);
    await this.settle(signal);
  }

  /** Waits for a machine that was just started to boot, and tells it who it is. */
  async settle(signal?: AbortSignal): Promise<void> {
    await awaitMonitor(this.#host.monitorSocketPath(this.id), bootTimeoutMs).catch((error: unknown) => {
      throw this.#crashed(error);
    });
    await this.introduce({ isBooting: true, ...(signal !== undefined && { signal }) });
  }

  /** Tells a machine whose monitor is up who it is, and gives it its workspace. */
  async introduce(options: { readonly isBooting: boolean; readonly signal?: AbortSignal }): Promise<void> {
    const channel = await this.#converse(bootTimeoutMs, options.isBooting, options.signal);
    try {
      await channel.system.identify(identityOf(this.spec));
      if (this.spec.workspace !== undefined) {
        const isReadOnly = this.spec.workspace.isReadOnly === true;
        await channel.system.mount({ tag: workspaceTag, path: this.workspacePath, isReadOnly });
      }
    } catch (error) {
      await channel.close();
      throw this.#crashed(error);
    }
    if (this.spec.pool === undefined) await channel.close();
    else this.#host.warm.keep(this.id, channel);
  }

  /** Gives a machine that runs the identity of what it is to be now. */
  async identify(): Promise<void> {
    const channel = this.#host.warm.take(this.id) ?? (await this.#converse(answerTimeoutMs, false));
    try {
      await channel.system.identify(identityOf(this.spec));
    } catch (error) {
      throw this.#crashed(error);
    } finally {
      await channel.close();
    }
  }

  /**
   * Takes the workspace away for as long as a snapshot lasts; what comes back puts it there again.
   *
   * @throws SovereignError `snapshot.failed` while a process uses it
   */
  async detachWorkspace(): Promise<() => Promise<void>> {
    const { workspace } = this.spec;
    if (workspace === undefined) return () => Promise.resolve();
    const converse = async (act: (channel: HostGuestChannel) => Promise<void>): Promise<void> => {
      const channel = await this.#converse(answerTimeoutMs, false);
      await act(channel).finally(() => channel.close());
    };
    await converse((channel) => channel.system.unmount(this.workspacePath)).catch((error: unknown) => {
      throw workspaceInUse(this.id, error);
    });
    const share = { tag: workspaceTag, path: this.workspacePath, isReadOnly: workspace.isReadOnly === true };
    return () => converse((channel) => channel.system.mount(share));
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
    await this.#kill();
    this.#removeSockets();
  }

  async pause(): Promise<void> {
    this.expect(['running'], 'pause');
    this.#signalMonitor('SIGSTOP');
    await until(() => this.state() === 'paused', killTimeoutMs);
  }

  async resume(): Promise<void> {
    this.expect(['paused'], 'resume');
    this.#signalMonitor('SIGCONT');
    await until(() => this.state() === 'running', killTimeoutMs);
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
    const channel = await this.#converse(answerTimeoutMs, false);
    try {
      return { ...use, pids: (await channel.system.usage()).processes };
    } finally {
      await channel.close();
    }
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    this.expect(['running'], 'connect to');
    return this.#connect(answerTimeoutMs, false, signal);
  }

  async remove(): Promise<void> {
    await this.#kill();
    this.#removeSockets();
    await this.#host.state.remove(this.id, this.spec.name);
  }

  /** A conversation of ours, beside those of callers. */
  async #converse(timeoutMs: number, isBooting: boolean, signal?: AbortSignal): Promise<HostGuestChannel> {
    const stream = await this.#connect(timeoutMs, isBooting, signal);
    return connectGuestChannel(stream, { client: 'sovereign backend', welcomeTimeoutMs: timeoutMs });
  }

  async #connect(timeoutMs: number, isBooting: boolean, signal?: AbortSignal): Promise<ByteStream> {
    try {
      return await connectFreePort({
        portsPath: this.#host.portsPath(this.id),
        locksPath: this.#host.state.directory(this.id),
        timeoutMs,
        isBooting,
        ...(signal !== undefined && { signal }),
      });
    } catch (error) {
      throw this.#crashed(error);
    }
  }

  async #shutDown(graceMs: number): Promise<void> {
    const channel = await this.#converse(Math.min(answerTimeoutMs, graceMs + endingMs), false);
    try {
      await channel.system.shutdown(graceMs);
    } finally {
      await channel.close();
    }
  }

  /** What a failed conversation means: that the machine has ended, with the last of its console, or what it was. */
  #crashed(error: unknown): unknown {
    const machine = this.#machine();
    if (typeof machine !== 'object' || isAlive(machine)) return error;
    return new SovereignError({
      reason: 'guest.crashed',
      message: `The machine of ${this.id} has ended. The last of its console: ${this.console()}`,
      hint: `Start it again: sovereign start ${this.id}. When it stays so, give it more memory or another image.`,
      context: { id: this.id },
      cause: error,
    });
  }

  /** The last lines that the machine printed, without control characters. */
  console(): string {
    try {
      const text = readFileSync(join(this.#host.state.directory(this.id), 'console.log'), 'utf8');
      const lines = text
        .split('\n')
        .map((line) => line.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').trim())
        .filter((line) => line !== '');
      return lines.length === 0 ? '(it printed nothing)' : lines.slice(-12).join(' | ').slice(-1_500);
    } catch {
      return '(it printed nothing)';
    }
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

  #removeSockets(): void {
    rmSync(this.#host.portsPath(this.id), { recursive: true, force: true });
    rmSync(this.#host.monitorSocketPath(this.id), { force: true });
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
  expect(states: readonly GuestState[], operation: string): void {
    const state = this.state();
    if (states.includes(state)) return;
    throw new SovereignError({
      reason: 'sandbox.not-running',
      message: `Cannot ${operation} ${this.id}: it is ${state} (${states.join(' or ')} expected).`,
      hint:
        state === 'stopped' || state === 'created'
          ? `Start it: sovereign start ${this.id}`
          : `See: sovereign ps --all`,
      context: { id: this.id, state },
    });
  }
}

function workspaceInUse(id: SandboxId, cause: unknown): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `No snapshot of ${id} was taken: its workspace could not be unmounted for the moment (${cause instanceof Error ? cause.message : String(cause)}).`,
    hint: 'End what works in the workspace, or take the snapshot before it begins.',
    context: { id },
    cause,
  });
}
