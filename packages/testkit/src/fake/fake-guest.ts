import type {
  ByteStream,
  Capabilities,
  Guest,
  GuestState,
  GuestStats,
  LimitSpec,
  SandboxSpec,
} from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { FakeConnection } from './fake-connection.ts';
import type { FakeFailures } from './fake-failures.ts';
import { FakeMachine } from './fake-machine.ts';
import type { FakeNodes } from './fake-tree.ts';
import { createStreamPair, type PairedStream } from './stream-pair.ts';

export interface FakeGuestInit {
  readonly spec: SandboxSpec;
  readonly capabilities: Capabilities;
  readonly failures: FakeFailures;
  readonly chunkBytes: number | undefined;
  /** What its image puts at its root, and into the environment of its commands. Default: nothing, and a PATH. */
  readonly image?: { readonly files: FakeNodes; readonly env: Readonly<Record<string, string>> };
  /** Hears of every change of state. */
  readonly onState?: (state: GuestState) => void;
  /** Takes the guest off the backend's list. */
  readonly onRemove: () => void;
}

/** A guest in memory, with the same rules of legality as a real one. */
export class FakeGuest implements Guest {
  readonly id: SandboxSpec['id'];
  readonly workspacePath = '/workspace';
  readonly baseEnv: Readonly<Record<string, string>>;
  spec: SandboxSpec;
  readonly machine: FakeMachine;
  readonly #init: FakeGuestInit;
  readonly #connections = new Set<PairedStream>();
  #state: GuestState = 'created';
  #instances = 0;
  #isHung = false;

  constructor(init: FakeGuestInit) {
    this.#init = init;
    this.id = init.spec.id;
    this.spec = init.spec;
    this.baseEnv = { PATH: '/usr/bin:/bin', HOME: '/tmp', ...init.image?.env };
    this.machine = new FakeMachine({ roots: [this.workspacePath, '/tmp'] });
    for (const [path, node] of init.image?.files ?? []) this.machine.files.tree.root.set(path, node);
  }

  get state(): GuestState {
    return this.#state;
  }

  status(): Promise<GuestState> {
    return Promise.resolve(this.#state);
  }

  async start(signal?: AbortSignal): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    this.#require('start', ['created', 'stopped']);
    this.#instances += 1;
    this.#become('running');
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    await Promise.resolve();
    this.#requireCapability('canStop', 'stop');
    this.#require('stop', ['running', 'paused']);
    this.machine.resume();
    this.machine.killAll(options.graceMs > 0 ? 15 : 9);
    this.#end('stopped');
  }

  async pause(): Promise<void> {
    await Promise.resolve();
    this.#requireCapability('canPause', 'pause');
    this.#require('pause', ['running']);
    this.machine.pause();
    this.#become('paused');
  }

  async resume(): Promise<void> {
    await Promise.resolve();
    this.#requireCapability('canPause', 'resume');
    this.#require('resume', ['paused']);
    this.machine.resume();
    this.#become('running');
  }

  async setLimits(limits: LimitSpec): Promise<void> {
    await Promise.resolve();
    this.#requireCapability('canSetLimits', 'setLimits');
    this.#require('setLimits', ['running']);
    this.spec = { ...this.spec, limits: { ...this.spec.limits, ...limits } };
  }

  async stats(): Promise<GuestStats> {
    await Promise.resolve();
    this.#requireCapability('canStats', 'stats');
    this.#require('stats', ['running']);
    return { memoryBytes: 1_048_576, pids: this.machine.running.length + 1, cpuUs: 0 };
  }

  async remove(): Promise<void> {
    await Promise.resolve();
    if (this.#init.failures.remove === true) {
      throw new SovereignError({
        reason: 'sandbox.remove-failed',
        message: `Sandbox ${this.id} could not be removed: a failure was injected.`,
        hint: 'Clear failures.remove and call again.',
        context: { sandbox: this.id },
      });
    }
    this.machine.resume();
    this.machine.killAll(9);
    this.#end('stopped');
    this.#init.onRemove();
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    await Promise.resolve();
    signal?.throwIfAborted();
    this.#require('connect', ['running']);
    if (this.#init.failures.connect === true) {
      throw new SovereignError({
        reason: 'channel.closed',
        message: `Sandbox ${this.id} refused the connection: a failure was injected.`,
        hint: 'Clear failures.connect and call again.',
        context: { sandbox: this.id },
      });
    }
    const { chunkBytes } = this.#init;
    const [host, inside] = createStreamPair(chunkBytes === undefined ? {} : { chunkBytes });
    this.#connections.add(inside);
    const connection = new FakeConnection({
      machine: this.machine,
      stream: inside,
      instance: `fake-${this.id}-${this.#instances}`,
      failure: () => (this.#isHung ? 'silent' : this.#init.failures.channel),
    });
    void connection.serve().then(() => this.#connections.delete(inside));
    return host;
  }

  /** What a crash of the guest looks like: every connection breaks and nothing runs any more. */
  crash(): void {
    for (const stream of this.#connections) stream.break(new Error('connection reset by peer'));
    this.machine.killAll(9);
    this.#end('broken');
  }

  /** From now on this guest takes everything and answers nothing. */
  hang(): void {
    this.#isHung = true;
  }

  #end(state: GuestState): void {
    this.machine.processes.clear();
    for (const stream of this.#connections) void stream.close();
    this.#connections.clear();
    this.#become(state);
  }

  #become(state: GuestState): void {
    this.#state = state;
    this.#init.onState?.(state);
  }

  #require(call: string, legal: readonly GuestState[]): void {
    if (legal.includes(this.#state)) return;
    throw new SovereignError({
      reason: 'sandbox.not-running',
      message: `${call} of ${this.id} is not possible: ${this.#state} (expected ${legal.join(' or ')}).`,
      hint:
        this.#state === 'stopped' || this.#state === 'created'
          ? 'Start the sandbox first.'
          : 'Look at its status.',
      context: { sandbox: this.id, state: this.#state },
    });
  }

  #requireCapability(capability: 'canStop' | 'canPause' | 'canSetLimits' | 'canStats', call: string): void {
    if (this.#init.capabilities[capability]) return;
    throw new SovereignError({
      reason: 'capability.missing',
      message: `The fake backend was made without ${capability}: ${call} of ${this.id}.`,
      hint: `Create it with capabilities: { ${capability}: true }.`,
      context: { sandbox: this.id, capability },
    });
  }
}
