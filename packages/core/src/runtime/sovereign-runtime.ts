import type { Backend, Guest, GuestState } from '../contract/backend.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import { systemClock, type Clock } from '../identity/clock.ts';
import { createSandboxId } from '../identity/sandbox-id.ts';
import type { ContainerHost } from '../containers/container-host.ts';
import { ContainerPrimitives } from '../containers/container-primitives.ts';
import { EngineChoice, runtimeOf } from '../containers/engine-choice.ts';
import { fetchImage } from '../containers/fetch-image.ts';
import { ActivityMonitor } from '../lifetime/activity-monitor.ts';
import { FileActivityStore, MemoryActivityStore } from '../lifetime/activity-store.ts';
import type { Garbage } from '../lifetime/garbage.ts';
import { Lifetimes } from '../lifetime/lifetimes.ts';
import { ownerLabels } from '../lifetime/owner.ts';
import type { Scopes } from '../lifetime/scopes.ts';
import type { PoolHost } from '../pool/pool-host.ts';
import { PoolKeeper } from '../pool/pool-keeper.ts';
import type { PoolOptions } from '../pool/pool-options.ts';
import type { SandboxPool } from '../pool/sandbox-pool.ts';
import { ProbeCache } from '../selection/probe-cache.ts';
import { ActionPath } from './action-path.ts';
import { buildSpec, type CreateOptions } from './create-options.ts';
import { openNetwork } from './open-network.ts';
import { bringUp, defineOnly, type BringUpInit } from './bring-up.ts';
import { facilities } from './facilities.ts';
import { createLiveSandbox, type LiveParts } from './live-parts.ts';
import { RuntimeNetwork } from './runtime-network.ts';
import { Machines } from './machines.ts';
import { SandboxDirectory, type SandboxListing } from './sandbox-directory.ts';
import { SandboxHandle, type SandboxHandleInit } from './sandbox-handle.ts';
import { notRunning, sandboxExists, sandboxReserved } from './sandbox-errors.ts';
import type { SovereignRuntimeOptions } from './runtime-options.ts';
import { throwIfCancelled } from './to-sovereign-error.ts';

/** How long `close` waits for actions that are still on their way. */
const closeWaitMs = 2_000;

/**
 * Creates, finds and removes sandboxes over whatever backends it is given. The composition root makes one of these, and
 * closes it; nothing here is shared between two.
 */
export class SovereignRuntime implements AsyncDisposable {
  /** Links between sandboxes, and the topology. */
  readonly network: RuntimeNetwork;
  readonly #host: ContainerHost;
  readonly #lifetimes: Lifetimes;
  readonly #options: SovereignRuntimeOptions;
  readonly #clock: Clock;
  readonly #actions: ActionPath;
  readonly #probes: ProbeCache;
  readonly #directory: SandboxDirectory;
  readonly #handles = new Map<SandboxId, SandboxHandle>();
  /** Names of sandboxes that are being created. */
  readonly #names = new Set<string>();
  // Made when they are first asked for: one command needs few of them.
  #containers: ContainerPrimitives | undefined;
  #machines: Machines | undefined;
  #pools: PoolKeeper | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SovereignRuntimeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const activity = new ActivityMonitor({
      clock: this.#clock,
      store:
        options.activityDirectory === undefined
          ? new MemoryActivityStore()
          : new FileActivityStore(options.activityDirectory),
    });
    this.#actions = new ActionPath(options.ledger, options.actor, activity);
    this.#probes = new ProbeCache({ clock: this.#clock });
    this.#directory = new SandboxDirectory(options.backends);
    this.#host = this.#containerHost();
    this.network = new RuntimeNetwork({
      brokering: options.brokering,
      backends: options.backends,
      directory: this.#directory,
      actions: this.#actions,
    });
    this.#lifetimes = new Lifetimes({
      host: this.#host,
      activity,
      actions: new ActionPath(options.ledger, { ...options.actor, via: 'reaper' }),
    });
  }

  /** Everything that agents may do with containers. */
  get containers(): ContainerPrimitives {
    return (this.#containers ??= new ContainerPrimitives(this.#host, this.network));
  }

  /** Snapshots, what is resumed from them, and what microVMs boot from. */
  get machines(): Machines {
    return (this.#machines ??= new Machines({
      backends: this.#options.backends,
      actions: this.#actions,
      openChannel: this.#options.openChannel,
      healthTimeoutMs: this.#healthTimeoutMs,
      find: (idOrName) => this.#directory.find(this.#known(idOrName)?.id ?? idOrName),
      withSpec: (asked, run) => this.#withSpec(asked, run),
      handOut: (guest, backend, { channel, report }) => {
        const { live, connect } = createLiveSandbox(this.#parts(guest, backend), report);
        live.channels.adopt(channel);
        return this.#register({ live, connect, selection: [] });
      },
    }));
  }

  /** Tasks and sessions, and how they are completed. */
  get scopes(): Scopes {
    return this.#lifetimes.scopes;
  }

  /** What nobody needs any more. */
  get garbage(): Garbage {
    return this.#lifetimes.garbage;
  }

  /** Creates a sandbox, checks its health and its layers, and hands it out; when anything fails, nothing of it is left. */
  async create(options: CreateOptions = {}): Promise<SandboxHandle> {
    throwIfCancelled(options.signal);
    return this.#withSpec(options, async (spec) => {
      const { tier: requested = 'auto', signal } = options;
      const init: BringUpInit = {
        ...this.#ways,
        spec,
        requested,
        signal,
        prepare: (backend) => fetchImage(this.#actions, backend, spec.image, options),
      };
      if (options.autoStart === false) {
        const { guest, backend, reasons } = await defineOnly(init);
        return this.#register({ ...this.#unconnected(guest, backend, 'created'), selection: reasons });
      }
      const up = await bringUp(init);
      const parts = this.#parts(up.guest, up.backend);
      const { live, connect } = createLiveSandbox(parts, up.report);
      live.channels.adopt(up.channel);
      const handle = this.#register({ live, connect, selection: up.reasons });
      await openNetwork(handle, options);
      return handle;
    });
  }

  /**
   * Finds a sandbox by id or name. A running one is connected to and checked like a new one; a handle that this runtime
   * has given out already is given again.
   * @throws SovereignError `sandbox.not-found`
   */
  async attach(idOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<SandboxHandle> {
    const known = this.#known(idOrName);
    if (known !== undefined) return known;
    const { guest, backend } = await this.#directory.find(idOrName);
    if (guest.spec.pool !== undefined) throw sandboxReserved(guest.id, guest.spec.pool.pool);
    const runtime = runtimeOf(backend);
    const state = await guest.status();
    const isRunning = state === 'running';
    const { live, connect } = this.#unconnected(guest, backend, state);
    await this.#actions.perform(
      { action: { kind: 'sandbox.attach', sandbox: guest.id }, runtime, facts: () => ({ isRunning }) },
      async () => {
        if (isRunning) live.channels.adopt(await connect(options.signal));
      },
    );
    // Another call may have been quicker: one sandbox has one handle.
    const raced = this.#handles.get(guest.id);
    if (raced === undefined) return this.#register({ live, connect, selection: [] });
    await live.channels.close();
    return raced;
  }

  /** Sandboxes of all backends. A backend that cannot answer is named and hides nothing of the others. */
  async list(): Promise<SandboxListing> {
    const listing = await this.#directory.list();
    for (const { spec } of listing.sandboxes) this.#lifetimes.learn(spec);
    return listing;
  }

  /** Removes a sandbox by id or name, without connecting to it. */
  async remove(idOrName: string): Promise<void> {
    const known = this.#known(idOrName);
    if (known !== undefined) return known.remove();
    const { guest, backend } = await this.#directory.find(idOrName);
    await this.#actions.perform(
      { action: { kind: 'sandbox.remove', sandbox: guest.id }, runtime: runtimeOf(backend) },
      () => guest.remove(),
    );
    this.#lifetimes.forget(guest.id);
  }

  /**
   * Opens a pool of sandboxes that are kept ready: resolves when the first one is. The pool is drained when it is disposed
   * of, and when the runtime is closed; what was claimed from it lives on.
   *
   * @throws SovereignError `argument.invalid`, `pool.exists`, `capability.missing` without `Backend.lateBinding`,
   *   `tier.unavailable`, or what kept the first one from coming up
   */
  openPool(options: PoolOptions = {}): Promise<SandboxPool> {
    this.#pools ??= new PoolKeeper({
      ways: this.#ways,
      buildSpec: (asked) => this.#buildSpec(asked),
      reserveName: (name) => this.#reserveName(name),
      handOut: ({ guest, backend, channel, report, selection }) => {
        const { live, connect } = createLiveSandbox(this.#parts(guest, backend), report);
        live.channels.adopt(channel);
        return this.#register({ live, connect, selection });
      },
    });
    return this.#pools.open(options);
  }

  /** Pools that are open. */
  get pools(): readonly SandboxPool[] {
    return this.#pools?.pools ?? [];
  }

  /** Lets go of everything: pools, channels, backends (sandboxes that outlive us live on), the ledger last. Safe to call twice. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#lifetimes.close();
    const [drained] = await Promise.allSettled([this.#pools?.close()]);
    await Promise.allSettled([...this.#handles.values()].map((handle) => handle.close()));
    await this.network.close();
    await this.#actions.whenIdle(closeWaitMs);
    const closed = await Promise.allSettled(this.#options.backends.map((backend) => backend.close()));
    this.#options.ledger.close();
    for (const one of [drained, ...closed]) if (one.status === 'rejected') throw one.reason;
  }

  /** What every sandbox that is brought up here has in common. */
  get #ways(): PoolHost['ways'] {
    const { backends, openChannel, config } = this.#options;
    return {
      backends,
      probes: this.#probes,
      actions: this.#actions,
      openChannel,
      healthTimeoutMs: this.#healthTimeoutMs,
      ...(config?.tierOrder && { tierOrder: config.tierOrder }),
    };
  }

  #buildSpec(options: CreateOptions): SandboxSpec {
    return buildSpec(options, {
      labels: options.strategy === 'ephemeral' ? ownerLabels() : {},
      id: (this.#options.createId ?? createSandboxId)(),
      createdMs: this.#clock.nowMs(),
      workspaceCheck: {
        uid: this.#options.owner?.uid ?? process.getuid?.() ?? 0,
        ...(this.#options.owner && { home: this.#options.owner.home }),
        protectedPaths: this.#options.protectedPaths ?? [],
      },
    });
  }

  get #healthTimeoutMs(): number {
    return this.#options.healthTimeoutMs ?? 10_000;
  }

  #parts(guest: Guest, backend: Backend): LiveParts {
    return {
      guest,
      backend,
      actions: this.#actions,
      openChannel: this.#options.openChannel,
      healthTimeoutMs: this.#healthTimeoutMs,
    };
  }

  /** A sandbox that nobody has spoken to yet: nothing of its layers is known. */
  #unconnected(
    guest: Guest,
    backend: Backend,
    state: GuestState,
  ): Pick<SandboxHandleInit, 'live' | 'connect'> {
    const made = createLiveSandbox(this.#parts(guest, backend), {
      type: backend.name,
      tier: backend.tier,
      isIsolated: false,
      layers: [],
    });
    if (state !== 'running') made.live.channels.refuse(notRunning(guest.id, state));
    return made;
  }

  #register(init: Pick<SandboxHandleInit, 'live' | 'connect' | 'selection'>): SandboxHandle {
    const { id, guest } = init.live;
    const handle = new SandboxHandle({
      ...init,
      brokering: this.#options.brokering,
      facilities: facilities({
        isInsecure: guest.spec.isInsecure,
        insecureAllow: this.#options.config?.insecure?.allow ?? [],
      }),
      machines: () => this.machines,
      onChange: (what) => {
        if (what === 'started') this.#lifetimes.learn(guest.spec);
        else this.#handles.delete(id);
        if (what === 'removed') this.#lifetimes.forget(id);
      },
    });
    // Another process may hold its egress: commands are told of the proxy all the same.
    handle.network.refreshEnvironment();
    this.#handles.set(id, handle);
    this.#lifetimes.learn(guest.spec);
    return handle;
  }

  #containerHost(): ContainerHost {
    const { backends, config } = this.#options;
    return {
      actions: this.#actions,
      clock: this.#clock,
      engines: new EngineChoice({
        backends,
        probes: this.#probes,
        ...(config?.tierOrder && { tierOrder: config.tierOrder }),
      }),
      create: (asked) => this.create(asked),
      attach: (idOrName) => this.attach(idOrName),
      find: (idOrName) => this.#directory.find(this.#known(idOrName)?.id ?? idOrName),
      list: () => this.list(),
      remove: (idOrName) => this.remove(idOrName),
      withSpec: (asked, run) => this.#withSpec(asked, run),
      forget: async (id) => this.#handles.get(id)?.close(),
    };
  }

  #known(idOrName: string): SandboxHandle | undefined {
    for (const handle of this.#handles.values())
      if (handle.id === idOrName || handle.spec.name === idOrName) return handle;
    return undefined;
  }

  /** Checks what was asked for and keeps its name free while it is made. */
  async #withSpec<T>(options: CreateOptions, run: (spec: SandboxSpec) => Promise<T>): Promise<T> {
    const spec = this.#buildSpec(options);
    const release = await this.#reserveName(spec.name);
    try {
      return await run(spec);
    } finally {
      release();
    }
  }

  async #reserveName(name: string | undefined): Promise<() => void> {
    if (name === undefined) return () => undefined;
    if (this.#names.has(name)) throw sandboxExists(name);
    this.#names.add(name);
    const release = () => this.#names.delete(name);
    try {
      const { sandboxes } = await this.#directory.list();
      if (sandboxes.some((one) => one.spec.name === name)) throw sandboxExists(name);
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }
}
