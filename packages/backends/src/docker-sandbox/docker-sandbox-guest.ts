import { SovereignError, type Layer } from '@sovereign/protocol';
import {
  expectState,
  throwIfCancelled,
  withStartLock,
  withoutStart,
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { guestDefaults } from '@sovereign/guest';
import type { MachineState } from '@sovereign/microvm';
import { GuestDoor } from './guest-door.ts';
import type { MachineStatus } from './list-answer.ts';
import type { SandboxProgram } from './sandbox-program.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { workspacePath } from './supported.ts';

/** What a guest needs of its backend. */
export interface DockerSandboxHost {
  readonly state: MachineState;
  program(): SandboxProgram;
  nameOf(id: SandboxId): string;
  record(id: SandboxId): SandboxRecord;
  /** Makes its machine where there is none, and brings shelld up in it. The caller holds its start lock. */
  launch(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<void>;
  /** Removes its machine and forgets it. */
  clear(spec: SandboxSpec): Promise<void>;
}

/** One microVM of Docker Sandboxes. It holds nothing in memory that its files and the program do not know. */
export class DockerSandboxGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly isHomeDefault: boolean;
  /** It was brought up by us, and nobody has connected to it yet. */
  isNew = false;
  readonly #host: DockerSandboxHost;

  constructor(spec: SandboxSpec, host: DockerSandboxHost) {
    this.id = spec.id;
    this.spec = spec;
    const { baseEnv, isHomeDefault } = guestDefaults(spec);
    this.workspacePath = workspacePath(spec);
    this.baseEnv = baseEnv;
    this.isHomeDefault = isHomeDefault;
    this.#host = host;
  }

  get outerLayers(): readonly Layer[] {
    return this.#host.record(this.id).layers();
  }

  async status(): Promise<GuestState> {
    const known = this.knownState();
    return known ?? this.stateIn(await this.#host.program().list());
  }

  /** What its files alone say; undefined when the program has to be asked. */
  knownState(): GuestState | undefined {
    const record = this.#host.record(this.id);
    if (record.isStarted) return undefined;
    return record.isAbandoned ? 'broken' : 'created';
  }

  stateIn(listed: ReadonlyMap<string, MachineStatus>): GuestState {
    return listed.get(this.#name) ?? 'broken';
  }

  async start(signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    await this.#expect(['created', 'stopped'], 'start');
    await withStartLock(this.#host.state.startLockPath(this.id), async () => {
      // Whoever held the lock before may have started it: another shelld would take its connections away.
      if (!['created', 'stopped'].includes(await this.status())) return;
      await this.#host.launch(this.spec, signal);
    });
    this.isNew = true;
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    await this.#expect(['running'], 'stop');
    const program = this.#host.program();
    await withoutStart(this.#host.state.startLockPath(this.id), async () => {
      // A guest that does not listen is ended all the same.
      if (options.graceMs > 0)
        await this.#door()
          .farewell(options.graceMs)
          .catch(() => undefined);
      await program.stop(this.#name);
    });
    if ((await this.status()) !== 'running') return;
    throw new SovereignError({
      reason: 'engine.failed',
      message: `The microVM of ${this.id} still runs after it was stopped.`,
      hint: `Try it by hand: ${program.kind === 'sbx' ? 'sbx' : 'docker sandbox'} stop ${this.#name}`,
      context: { id: this.id },
    });
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    throwIfCancelled(signal);
    // An exec would start a machine that has stopped.
    if (!this.isNew) await this.#expect(['running'], 'connect to');
    this.isNew = false;
    return this.#door().connect();
  }

  async remove(): Promise<void> {
    await withoutStart(this.#host.state.startLockPath(this.id), () => this.#host.clear(this.spec));
  }

  pause(): Promise<never> {
    return this.#lacks('pause');
  }

  resume(): Promise<never> {
    return this.#lacks('resume');
  }

  setLimits(): Promise<never> {
    return this.#lacks('change of limits');
  }

  stats(): Promise<GuestStats> {
    return this.#lacks('accounting');
  }

  get #name(): string {
    return this.#host.nameOf(this.id);
  }

  #door(): GuestDoor {
    return new GuestDoor(this.#host.program(), this.#name);
  }

  async #expect(states: readonly GuestState[], operation: string): Promise<void> {
    const state = await this.status();
    expectState(this.id, state, states, operation);
  }

  #lacks(what: string): Promise<never> {
    return Promise.reject(
      new SovereignError({
        reason: 'capability.missing',
        message: `A sandbox of docker-sandbox has no ${what}: ${this.id}. The program of Docker Sandboxes offers none.`,
        hint: 'Leave it out, or take another tier.',
        context: { backend: 'docker-sandbox', capability: what },
      }),
    );
  }
}
