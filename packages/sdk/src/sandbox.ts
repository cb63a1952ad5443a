import type { TierReport } from '@sovereign/protocol';
import type {
  ApplyOptions,
  ApplyResult,
  WorkspaceChange,
  AttachProcessOptions,
  ChangeRecord,
  CommitOptions,
  ContainerNetworkInfo,
  CopyOptions,
  CopyResult,
  CreateOptions,
  ExecRequest,
  ExecResult,
  Facilities,
  ForkOptions,
  GuestState,
  GuestStats,
  ImageRecord,
  LimitSpec,
  LogOptions,
  ProcessInfo,
  PublishedPort,
  PublishOptions,
  ProcessLog,
  ResumeOptions,
  RunOptions,
  SandboxHandle,
  SandboxProcess,
  SandboxSession,
  SelectionStep,
  SessionOptions,
  SovereignRuntime,
  SnapshotRecord,
  SpawnOptions,
  SpawnRequest,
} from '@sovereign/core';
import { onLoan } from './engine-loan.ts';
import { Commands } from './commands.ts';
import { Egress } from './egress.ts';
import { Files } from './files.ts';
import { SandboxSteps } from './sandbox-steps.ts';

/**
 * A sandbox: where an agent's commands run and its files are.
 *
 * `await using sandbox = await Sandbox.create()` removes it at the end of the block. `Sandbox.connect()` finds one that
 * exists; at the end of the block that one lives on.
 */
export class Sandbox implements AsyncDisposable {
  /** Command lines for a shell. */
  readonly commands: Commands;
  readonly files: Files;
  /** What commands may connect to. */
  readonly egress: Egress;
  readonly #handle: SandboxHandle;
  readonly #runtime: SovereignRuntime;
  readonly #isOwned: boolean;
  readonly #release: () => Promise<void>;
  readonly #share: (() => () => Promise<void>) | undefined;
  #isReleased = false;

  /**
   * Made by `create` and `connect`.
   *
   * @param init.runtime where the sandbox lives.
   * @param init.isOwned removed when it is disposed of, instead of let go.
   * @param init.release called once, when it was removed or disposed of.
   * @param init.share takes hold of its engine for one more sandbox; what comes back lets go of it.
   */
  constructor(
    handle: SandboxHandle,
    init: {
      readonly runtime: SovereignRuntime;
      readonly isOwned: boolean;
      readonly release?: () => Promise<void>;
      readonly share?: () => () => Promise<void>;
    },
  ) {
    this.#handle = handle;
    this.#runtime = init.runtime;
    this.#isOwned = init.isOwned;
    this.#release = init.release ?? (() => Promise.resolve());
    this.#share = init.share;
    this.commands = new Commands(handle);
    this.files = new Files(handle.files);
    this.egress = new Egress(handle.network);
  }

  /**
   * Creates a sandbox of the strongest tier that works here, or of the one named, with an engine embedded in this
   * process. It is removed when it is disposed of.
   *
   * @throws SovereignError `tier.unavailable`, `tier.none-available`, `tier.weakened`, `workspace.refused` …
   */
  static create(options: CreateOptions = {}): Promise<Sandbox> {
    return borrowing(true, (runtime) => runtime.create(options));
  }

  /**
   * Finds a sandbox by id or name. It lives on when this object is disposed of.
   *
   * @throws SovereignError `sandbox.not-found`
   */
  static connect(idOrName: string): Promise<Sandbox> {
    return borrowing(false, (runtime) => runtime.attach(idOrName));
  }

  /**
   * A new sandbox from a snapshot, by its id or name: its memory and processes as they were, its own identity. It is
   * removed when it is disposed of; the snapshot stays.
   *
   * @throws SovereignError `snapshot.not-found`, `snapshot.incompatible`, `snapshot.corrupt`
   */
  static resume(snapshot: string, options: ResumeOptions = {}): Promise<Sandbox> {
    return borrowing(true, (runtime) => runtime.machines.resume(snapshot, options));
  }

  get id(): string {
    return this.#handle.id;
  }

  get name(): string | undefined {
    return this.#handle.spec.name;
  }

  /** What was applied of its workspace, to be undone. */
  get steps(): SandboxSteps {
    return new SandboxSteps(this.id, this.#runtime.containers.steps);
  }

  /** Where the workspace is inside: the default working directory, and what relative paths are meant from. */
  get workspacePath(): string {
    return this.#handle.workspacePath;
  }

  /** Where it runs, and which layers were verified active from inside. */
  get runtime(): TierReport {
    return this.#handle.report;
  }

  /** `Runtime: <name> (Tier <n>)` */
  get runtimeLine(): string {
    return this.#handle.runtimeLine;
  }

  /** What a person should know of this sandbox, such as that it runs in degraded mode. */
  get warnings(): readonly string[] {
    return this.#handle.warnings;
  }

  /** Why this tier was taken, and each stronger one passed over. */
  get selection(): readonly SelectionStep[] {
    return this.#handle.selection;
  }

  /** Whether the shell and the browser may be used here, and why. */
  get facilities(): Facilities {
    return this.#handle.facilities;
  }

  /** Runs one command by argv to its end. What it did, a timeout included, is in the result. */
  exec(request: ExecRequest, options: RunOptions = {}): Promise<ExecResult> {
    return this.#handle.exec(request, options);
  }

  /** Starts a process to follow, write to, or leave running. */
  spawn(request: SpawnRequest, options: SpawnOptions = {}): Promise<SandboxProcess> {
    return this.#handle.spawn(request, options);
  }

  /** Follows a process that runs or has ended, from where its output is still retained. */
  attach(process: number, options: AttachProcessOptions = {}): Promise<SandboxProcess> {
    return this.#handle.attachProcess(process, options);
  }

  /** Processes that run, and those whose output is still retained. */
  processes(): Promise<readonly ProcessInfo[]> {
    return this.#handle.processes();
  }

  /** SIGKILL for everything that a process started. */
  kill(process: number): Promise<{ readonly killed: number }> {
    return this.#handle.kill(process);
  }

  /**
   * Makes a port of the sandbox reachable on this host, by default on loopback and any free port, until `unpublish`, or until
   * this object is disposed of.
   *
   * @throws SovereignError `port.taken`
   */
  publish(port: number, options: Omit<PublishOptions, 'port'> = {}): Promise<PublishedPort> {
    return this.#handle.network.publish({ port, ...options });
  }

  /** @throws SovereignError `port.not-found` */
  unpublish(published: PublishedPort): Promise<void> {
    return this.#handle.network.unpublish(published);
  }

  /** Notes that a port is meant to be reached. Opens nothing; the topology shows it. */
  expose(port: number): Promise<void> {
    return this.#handle.network.expose(port);
  }

  /** Opens a scope for commands with its own working directory and environment, ended together. */
  session(options: SessionOptions = {}): Promise<SandboxSession> {
    return this.#handle.openSession(options);
  }

  /**
   * A snapshot of it as it runs, memory and processes included; it runs on.
   *
   * @throws SovereignError `capability.missing` on a tier without, `snapshot.failed`
   */
  snapshot(options: { readonly name?: string } = {}): Promise<SnapshotRecord> {
    return this.#handle.snapshot(options);
  }

  /**
   * So many copies of it as it runs, default 1, on a tier with snapshots (`forkFiles` copies a container). They share the memory that they do not change, and each has an identity of
   * its own: random numbers, host name, machine id. Each is removed when it is disposed of.
   */
  async fork(count = 1): Promise<readonly Sandbox[]> {
    const handles = await this.#handle.fork(count);
    return handles.map((handle) => {
      const release = this.#share?.();
      return new Sandbox(handle, {
        runtime: this.#runtime,
        isOwned: true,
        ...(release && { release }),
        ...(this.#share && { share: this.#share }),
      });
    });
  }

  /** As its live processes show it. */
  status(): Promise<GuestState> {
    return this.#handle.status();
  }

  stats(): Promise<GuestStats> {
    return this.#handle.stats();
  }

  setLimits(limits: LimitSpec): Promise<void> {
    return this.#handle.setLimits(limits);
  }

  /**
   * Copies a file or directory of the host into it, links as links. `from` is an absolute path; when `to` is a directory,
   * it goes into it; `from/.` means what is in a directory.
   *
   * @throws SovereignError `sandbox.not-running`, `file.*`
   */
  copyTo(from: string, to: string, options: CopyOptions = {}): Promise<CopyResult> {
    return this.#handle.copyTo(from, to, options);
  }

  /**
   * Copies a file or directory of it to the host. `to` is an absolute path; nothing is written outside of it, whatever
   * the sandbox claims.
   *
   * @throws SovereignError `sandbox.not-running`, `file.*`
   */
  copyFrom(from: string, to: string, options: CopyOptions = {}): Promise<CopyResult> {
    return this.#handle.copyFrom(from, to, options);
  }

  pause(): Promise<void> {
    return this.#handle.pause();
  }

  resume(): Promise<void> {
    return this.#handle.resume();
  }

  /** Ends everything in it; its files stay until it is removed. */
  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#handle.stop(options);
  }

  /** Starts it: one that was made with `autoStart: false`, or stopped. */
  start(): Promise<void> {
    return this.#handle.start();
  }

  /** Stops it when it runs, and starts it. Its files stay. */
  restart(options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#runtime.containers.restartContainer(this.id, options);
  }

  /**
   * What is retained of the output of its processes. Without `process`, of those that have ended; one that runs is read
   * when it is named, and whoever follows it loses it to this call.
   */
  logs(options: LogOptions = {}): Promise<readonly ProcessLog[]> {
    return this.#runtime.containers.getContainerLogs(this.id, options);
  }

  /**
   * Makes an image of it as it is now; a running one is paused for that moment. Volumes and the workspace are no part of it.
   *
   * @throws SovereignError `capability.missing` on a backend that is no container engine
   */
  commit(options: CommitOptions): Promise<ImageRecord> {
    return this.#runtime.containers.commitContainer(this.id, options);
  }

  /**
   * Makes another sandbox with the same files as this stopped or paused one, by its upper layer. It is not started; it lives on when this object is
   * disposed of. Environment, limits, labels and lifetime are taken over unless given; name and workspace are not.
   *
   * @throws SovereignError `sandbox.not-running` unless it is stopped or paused; `capability.missing`
   */
  async forkFiles(options: ForkOptions = {}): Promise<Sandbox> {
    const { id } = await this.#runtime.containers.lifecycle.fork(this.id, options);
    return new Sandbox(await this.#runtime.attach(id), { runtime: this.#runtime, isOwned: false });
  }

  /** What it changed against its image, sorted by path. @throws SovereignError `capability.missing` */
  diff(): AsyncIterable<ChangeRecord> {
    return this.#runtime.containers.introspection.diff(this.id);
  }

  /**
   * What it changed in a workspace that is reviewed (`workspace: { path, isReviewed: true }`), by path. The host does not
   * have it until `apply`.
   *
   * @throws SovereignError `argument.invalid` when the workspace is not reviewed, `capability.missing`
   */
  workspaceChanges(): AsyncIterable<WorkspaceChange> {
    return this.#runtime.containers.review.changes(this.id);
  }

  /**
   * Puts such changes into the workspace on the host. What would run there later (`.git/hooks`, `.vscode` …) is refused
   * unless it is granted; with the `stamps` of what was reviewed, so is what has changed since. What is replaced is kept
   * first: `steps.undo` puts it back.
   *
   * @throws SovereignError `review.refused`, `review.changed`, `step.not-recorded`
   */
  apply(options: ApplyOptions): Promise<ApplyResult> {
    return this.#runtime.containers.review.apply(this.id, options);
  }

  /** Mounts a named volume in it. @throws SovereignError `volume.not-found`, `capability.missing` */
  attachVolume(mount: {
    readonly volume: string;
    readonly path: string;
    readonly isReadOnly?: boolean;
  }): Promise<void> {
    return this.#runtime.containers.attachVolume(this.id, mount);
  }

  /** @throws SovereignError `volume.in-use` when a process works in it */
  detachVolume(path: string): Promise<void> {
    return this.#runtime.containers.detachVolume(this.id, path);
  }

  /** Networks that it is on, its links and published ports. */
  networkInfo(): Promise<ContainerNetworkInfo> {
    return this.#runtime.containers.getContainerNetworkInfo(this.id);
  }

  /** Kills everything and leaves nothing behind but the workspace on the host. */
  async remove(): Promise<void> {
    await this.#handle.remove();
    await this.#releaseOnce();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isReleased) return;
    if (this.#isOwned) await this.#handle.remove();
    else await this.#handle.close();
    await this.#releaseOnce();
  }

  async #releaseOnce(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#release();
  }
}

/** Makes a sandbox with the default engine, which is given back when the sandbox ends, or was not made. */
function borrowing(
  isOwned: boolean,
  make: (runtime: SovereignRuntime) => Promise<SandboxHandle>,
): Promise<Sandbox> {
  return onLoan(async ({ runtime, release, share }) => {
    return new Sandbox(await make(runtime), { runtime, isOwned, release, share });
  });
}
