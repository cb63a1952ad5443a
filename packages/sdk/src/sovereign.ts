import type {
  Bridges,
  CompletedScope,
  CompleteOptions,
  ContainerPrimitives,
  ContainerVolumes,
  BootArtifact,
  CreateOptions,
  EgressDecision,
  EngineEvent,
  GarbagePlan,
  Images,
  LedgerFilter,
  LedgerRecord,
  LedgerVerdict,
  LinkRecord,
  NetworkTopology,
  MachineBuildOptions,
  PoolOptions,
  ResumeOptions,
  SandboxListing,
  Scope,
  SnapshotRecord,
  StatePaths,
  Steps,
  SweptItem,
} from '@sovereign/core';
import { readLedger, verifyLedger } from '@sovereign/core';
import { diagnose, openEngine, type Engine, type EngineOptions, type TierDiagnosis } from '@sovereign/engine';
import { Pool } from './pool.ts';
import { Sandbox } from './sandbox.ts';

/**
 * A client with an engine of its own, embedded in this process. Programs that only need sandboxes use `Sandbox`
 * directly; this is for those that choose where state is kept, list, diagnose, or read the ledger.
 */
export class Sovereign implements AsyncDisposable {
  readonly #engine: Engine;

  private constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Opens a client. Nothing is started or written before the first action.
   *
   * @throws SovereignError `config.invalid`, `shelld.missing`
   */
  static open(options: EngineOptions = {}): Promise<Sovereign> {
    // A promise although an embedded engine needs none: a client of a daemon will.
    return Promise.resolve().then(() => new Sovereign(openEngine(options)));
  }

  /** Where state, ledger, sockets and configuration are. */
  get paths(): StatePaths {
    return this.#engine.paths;
  }

  /** Directory of the Python action library that sandboxes get; undefined when there is none. */
  get pythonPath(): string | undefined {
    return this.#engine.pythonPath;
  }

  /**
   * The control panel that agents are given: thirty-six primitives by the names they know (`createContainer`,
   * `pullImage`, `establishConnection` …). A container is named by its id or name; unlike `create`, `createContainer`
   * does not start what it makes unless `autoStart` is true.
   */
  get containers(): ContainerPrimitives {
    return this.#engine.runtime.containers;
  }

  /** Images of the container engines: pull, build, list, inspect, tag, remove, load, save, import. */
  get images(): Images {
    return this.containers.images;
  }

  /** Named directories that outlive the containers they are attached to. */
  get volumes(): ContainerVolumes {
    return this.containers.volumes;
  }

  /** Bridge networks between containers, for those who ask for them. */
  get networks(): Bridges {
    return this.containers.networks;
  }

  /** What was applied to workspaces on the host, and can be undone, also when its sandbox is gone. */
  get steps(): Steps {
    return this.containers.steps;
  }

  /** Tasks and sessions that have sandboxes, whoever made those. */
  scopes(): Promise<readonly Scope[]> {
    return this.#engine.runtime.scopes.list();
  }

  /**
   * Ends and removes exactly the sandboxes that were made with `{ strategy: 'task', scope }`, by whatever process. What
   * could not be removed is in `failed` and stays listed.
   */
  completeTask(scope: string, options: CompleteOptions = {}): Promise<CompletedScope> {
    return this.#engine.runtime.scopes.completeTask(scope, options);
  }

  /** The same for `{ strategy: 'session', scope }`. */
  completeSession(scope: string, options: CompleteOptions = {}): Promise<CompletedScope> {
    return this.#engine.runtime.scopes.completeSession(scope, options);
  }

  /**
   * What nobody needs any more, found without changing anything: sandboxes whose own limits have passed, ephemeral ones
   * whose maker is gone, broken ones, and what crashes left of an engine's things.
   */
  planGc(): Promise<GarbagePlan> {
    return this.#engine.runtime.garbage.plan();
  }

  /** Does what `planGc` says: all of it, or only the items named by their ids. Each is looked at again before. */
  gc(items?: readonly string[]): Promise<readonly SweptItem[]> {
    return this.#engine.runtime.garbage.sweep(items);
  }

  /** What happens to containers and images from now on, until the signal. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.containers.introspection.events(signal);
  }

  /** Creates a sandbox, healthy and verified. At the end of an `await using` block it is removed. */
  async create(options: CreateOptions = {}): Promise<Sandbox> {
    const { runtime } = this.#engine;
    return new Sandbox(await runtime.create(options), { runtime, isOwned: true });
  }

  /** Finds a sandbox by id or name, made by this process or by another. */
  async connect(idOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<Sandbox> {
    const { runtime } = this.#engine;
    return new Sandbox(await runtime.attach(idOrName, options), { runtime, isOwned: false });
  }

  /**
   * Keeps sandboxes ready to be claimed. Resolves when the first one is; at the end of an `await using` block the pool is
   * drained.
   *
   * @throws SovereignError `capability.missing` on a tier that cannot give a running sandbox away, `pool.exists` …
   */
  async pool(options: PoolOptions = {}): Promise<Pool> {
    const { runtime } = this.#engine;
    return new Pool(await runtime.openPool(options), runtime);
  }

  list(): Promise<SandboxListing> {
    return this.#engine.runtime.list();
  }

  /** Removes a sandbox by id or name, also one that is stopped or broken. */
  remove(idOrName: string): Promise<void> {
    return this.#engine.runtime.remove(idOrName);
  }

  /**
   * Makes `to` reachable from inside `from` at one port, by its name and its id, and nothing else (R-NEW-2). Lasts until it
   * is severed or one of both is removed or let go; a sandbox that stops and starts again finds it restored.
   *
   * @throws SovereignError `link.exists`, `port.taken`, `sandbox.not-found`, `sandbox.not-running`
   */
  async link(from: Sandbox | string, to: Sandbox | string, port: number): Promise<LinkRecord> {
    const { runtime } = this.#engine;
    const [source, target] = await Promise.all([runtime.attach(idOf(from)), runtime.attach(idOf(to))]);
    return runtime.network.establish(source, target, port);
  }

  /**
   * Cuts a link of this process, and its open connections at once.
   *
   * @throws SovereignError `link.not-found`
   */
  async sever(from: Sandbox | string, to: Sandbox | string, port: number): Promise<void> {
    const { runtime } = this.#engine;
    const [source, target] = await Promise.all([runtime.attach(idOf(from)), runtime.attach(idOf(to))]);
    await runtime.network.sever(source.id, target.id, port);
  }

  /** Sandboxes, networks, links and published ports, also those that other processes of this state directory broker. */
  topology(): Promise<NetworkTopology> {
    return this.#engine.runtime.network.topology();
  }

  /**
   * Ends a detached broker, and the links, ports and egress that it holds.
   *
   * @throws SovereignError `broker.not-found`
   */
  endBroker(pid: number): Promise<void> {
    return this.#engine.brokering.endBroker(pid);
  }

  /** Resolves when this client holds no link, port or egress any more: they were taken back, or their sandboxes are gone. */
  whenReleased(): Promise<void> {
    return this.#engine.brokering.whenEmpty();
  }

  /** Calls the listener for each connection that somebody inside a sandbox asked for. Returns how to end that. */
  onEgress(listener: (decision: EgressDecision) => void): () => void {
    return this.#engine.runtime.network.onDecision(listener);
  }

  /** Tries every tier for real and says what each stands on, or why it cannot run and what to do. */
  diagnose(): Promise<readonly TierDiagnosis[]> {
    return diagnose(this.#engine);
  }

  /** Checks the ledger: every record, every link of the chain, every lane. */
  verifyLedger(): Promise<LedgerVerdict> {
    return verifyLedger(this.#engine.paths.ledgerDir);
  }

  /** Records of the ledger, oldest first within each lane. */
  readLedger(filter: LedgerFilter = {}): AsyncIterable<LedgerRecord> {
    return readLedger(this.#engine.paths.ledgerDir, filter);
  }

  /** A new sandbox from a snapshot, by id or name. At the end of an `await using` block it is removed; the snapshot stays. */
  async resume(snapshot: string, options: ResumeOptions = {}): Promise<Sandbox> {
    const { runtime } = this.#engine;
    return new Sandbox(await runtime.machines.resume(snapshot, options), { runtime, isOwned: true });
  }

  /** Snapshots, oldest first. */
  snapshots(): Promise<readonly SnapshotRecord[]> {
    return this.#engine.runtime.machines.list();
  }

  /** Removes a snapshot by id or name. Sandboxes that were resumed from it live on. */
  removeSnapshot(idOrName: string): Promise<void> {
    return this.#engine.runtime.machines.remove(idOrName);
  }

  /** Builds what microVMs boot from: a kernel, once, in about three minutes; and the root of an image. */
  buildMicrovm(options: MachineBuildOptions = {}): Promise<readonly BootArtifact[]> {
    return this.#engine.runtime.machines.build(options);
  }

  /** Lets go of everything and drains pools. Sandboxes whose backend keeps them live on; those of the process tier end. */
  close(): Promise<void> {
    return this.#engine.runtime.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function idOf(sandbox: Sandbox | string): string {
  return typeof sandbox === 'string' ? sandbox : sandbox.id;
}
