import { join } from 'node:path';
import {
  expectState,
  isAlive,
  isSameProcess,
  signalProcess,
  until,
  withoutStart,
  withStartLock,
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  type LimitSpec,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { connectVsock, guestDefaults } from '@sovereign/guest';
import { identityOf, type MachineFile } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import type { FirecrackerHost, MachineConversation } from './firecracker-host.ts';
import { machineFiles } from './machine-root.ts';
import { channelPort } from './machine-shape.ts';
import { killMonitor, lastLines, monitorUse } from './monitor-process.ts';

/** How long a machine may take to boot: far above its tenth of a second, for a host under load. */
const bootTimeoutMs = 30_000;
const answerTimeoutMs = 10_000;
/** Between the end of the grace and the end of the machine: it kills what is left and writes to its disk. */
const endingMs = 5_000;
const longestPauseMs = 20;
/** A monitor answers in a millisecond; one that was stopped from outside never does. */
const statusTimeoutMs = 2_000;

/** A machine that was never started belongs to a create that was killed half-way. */
const stateOf = { Running: 'running', Paused: 'paused', 'Not started': 'broken' } as const;

/** One microVM under Firecracker. It holds nothing in memory that the state directory and the monitor do not know. */
export class FirecrackerGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly isHomeDefault: boolean;
  readonly #host: FirecrackerHost;

  constructor(spec: SandboxSpec, host: FirecrackerHost) {
    this.id = spec.id;
    this.spec = spec;
    const { workspacePath, baseEnv, isHomeDefault } = guestDefaults(spec);
    this.workspacePath = workspacePath;
    this.baseEnv = baseEnv;
    this.isHomeDefault = isHomeDefault;
    this.#host = host;
  }

  /** From the live process, and whether its machine runs from the monitor itself. */
  async status(): Promise<GuestState> {
    const machine = this.machine();
    if (machine === 'corrupt') return 'broken';
    if (machine === undefined) return 'created';
    if (!isAlive(machine)) return 'stopped';
    try {
      const { state } = await this.#host.api(this.id).describe(AbortSignal.timeout(statusTimeoutMs));
      return stateOf[state];
    } catch {
      return isAlive(machine) ? 'broken' : 'stopped';
    }
  }

  async start(signal?: AbortSignal): Promise<void> {
    await this.#expect(['created', 'stopped'], 'start');
    await withStartLock(this.#host.state.startLockPath(this.id), async () => {
      // Whoever held the lock before may have started it.
      if (!['created', 'stopped'].includes(await this.status())) return;
      await this.#host.launch(this.spec, signal);
    });
    await this.settle(signal);
  }

  /** Waits for the machine to answer, and tells it who it is. */
  async settle(signal?: AbortSignal): Promise<void> {
    const conversation = await this.#converse(bootTimeoutMs, true, signal);
    try {
      // SAFETY: before anything runs in it: forks of one snapshot return identical random bytes until then
      // (tests/firecracker, "identity").
      await conversation.identify(identityOf(this.spec));
    } catch (error) {
      throw await this.#crashed(error);
    } finally {
      await conversation.close();
    }
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    const state = await this.#expect(['running', 'paused'], 'stop');
    const machine = this.machine();
    if (state === 'paused') await this.#setState('Resumed');
    if (typeof machine === 'object') {
      const hasBegun = await this.#shutDown(options.graceMs).then(
        () => true,
        () => false,
      );
      if (hasBegun) await until(() => !isAlive(machine), options.graceMs + endingMs);
    }
    await this.#withoutStart(async () => {
      // Another may have ended it meanwhile, and started it again: that one was not meant.
      const now = this.machine();
      if (typeof machine !== 'object' || typeof now !== 'object' || !isSameProcess(machine, now)) return;
      await this.#kill();
      this.#host.clearSockets(this.id);
    });
  }

  async pause(): Promise<void> {
    await this.#expect(['running'], 'pause');
    await this.#setState('Paused');
  }

  async resume(): Promise<void> {
    await this.#expect(['paused'], 'resume');
    await this.#setState('Resumed');
  }

  setLimits(_limits: LimitSpec): Promise<void> {
    return Promise.reject(limitsAreFixed(this.id));
  }

  /** Memory that the host holds for it and time that it has computed; processes as the guest itself counts them. */
  async stats(): Promise<GuestStats> {
    await this.#expect(['running'], 'measure');
    const machine = this.machine();
    const use = typeof machine === 'object' ? monitorUse(machine) : { memoryBytes: 0, cpuUs: 0 };
    const conversation = await this.#converse(answerTimeoutMs, false);
    try {
      return { ...use, pids: (await conversation.usage()).processes };
    } finally {
      await conversation.close();
    }
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    await this.#expect(['running'], 'connect to');
    return this.#connect(answerTimeoutMs, false, signal);
  }

  remove(): Promise<void> {
    return this.#withoutStart(async () => {
      await this.#kill();
      await this.#host.clear(this.id);
      await this.#host.state.remove(this.id, this.spec.name);
    });
  }

  #withoutStart(end: () => Promise<void>): Promise<void> {
    return withoutStart(this.#host.state.startLockPath(this.id), end);
  }

  async #kill(): Promise<void> {
    const machine = this.machine();
    if (typeof machine !== 'object') return;
    // One that was stopped from outside takes the signal all the same.
    signalProcess(machine, 'SIGCONT');
    await killMonitor(machine, this.id);
  }

  /** SAFETY: a file that cannot be read names no process, so none is signalled by it. */
  machine(): MachineFile | 'corrupt' | undefined {
    try {
      return this.#host.state.readMachine(this.id);
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.state-corrupt') return 'corrupt';
      throw error;
    }
  }

  async #converse(timeoutMs: number, isBooting: boolean, signal?: AbortSignal): Promise<MachineConversation> {
    const stream = await this.#connect(timeoutMs, isBooting, signal);
    try {
      return await this.#host.converse(stream, timeoutMs);
    } catch (error) {
      await stream.close();
      throw await this.#crashed(error);
    }
  }

  /** While a guest boots, nobody listens yet on its port, and the monitor hangs up: it is asked again until it is up. */
  async #connect(timeoutMs: number, isBooting: boolean, signal?: AbortSignal): Promise<ByteStream> {
    const path = join(this.#host.socketDirectory(this.id), machineFiles.vsockSocket);
    const deadline = performance.now() + timeoutMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
      try {
        const left = Math.max(1, Math.ceil(deadline - performance.now()));
        // A signal of its own for each attempt: connections leave their listeners on the one that they are given.
        const own = signal === undefined ? {} : { signal: AbortSignal.any([signal]) };
        return await connectVsock({ path, port: channelPort, timeoutMs: left, ...own });
      } catch (error) {
        const isEarly = isBooting && error instanceof SovereignError && error.reason === 'channel.closed';
        const machine = this.machine();
        const isOver = typeof machine !== 'object' || !isAlive(machine) || performance.now() > deadline;
        if (!isEarly || isOver) throw await this.#crashed(error);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #shutDown(graceMs: number): Promise<void> {
    const conversation = await this.#converse(Math.min(answerTimeoutMs, graceMs + endingMs), false);
    try {
      await conversation.shutdown(graceMs);
    } finally {
      await conversation.close();
    }
  }

  async #setState(state: 'Paused' | 'Resumed'): Promise<void> {
    await this.#host.api(this.id).call({ method: 'PATCH', path: '/vm', body: { state } });
  }

  /** What a failed conversation means: that the machine has ended, with the last of its console, or what it was. */
  async #crashed(error: unknown): Promise<unknown> {
    const machine = this.machine();
    if (typeof machine !== 'object' || isAlive(machine)) return error;
    return new SovereignError({
      reason: 'guest.crashed',
      message: `The machine of ${this.id} has ended. The last of its console: ${await lastLines(this.#host.state.consolePath(this.id))}`,
      hint: `Start it again: sovereign start ${this.id}. When it stays so, give it more memory or another image.`,
      context: { id: this.id },
      cause: error,
    });
  }

  async #expect(states: readonly GuestState[], operation: string): Promise<GuestState> {
    const state = await this.status();
    expectState(this.id, state, states, operation);
    return state;
  }
}

function limitsAreFixed(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Cannot change the limits of ${id}: memory and processors of a microVM are set when it starts.`,
    hint: 'Create another with the limits that you need.',
    context: { operation: 'set limits of' },
  });
}
