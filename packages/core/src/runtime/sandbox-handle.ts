import { runtimeLine, signalNumbers, type SignalName, type TierReport } from '@sovereign/protocol';
import type { GuestState, GuestStats } from '../contract/backend.ts';
import type { ExecRequest, ProcessInfo, TerminalSize } from '../contract/exec.ts';
import type { Action } from '../contract/action.ts';
import type { Brokering } from '../contract/brokering.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import type { LimitSpec, SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import type { SnapshotRecord } from '../contract/snapshots.ts';
import { copyFromSandbox, copyToSandbox } from '../copy/copy-sandbox.ts';
import type { CopyOptions, CopyResult } from '../copy/copy-tally.ts';
import { tierWarnings } from '../selection/tier-warnings.ts';
import type { SelectionStep } from '../selection/select-backend.ts';
import { checkWhole, invalid } from './argument-checks.ts';
import type { ExecResult } from './exec-result.ts';
import type { Machines, ResumeOptions } from './machines.ts';
import { requireFacility, type Facilities, type FacilityName } from './facilities.ts';
import { EphemeralEnd } from './ephemeral-end.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import type { SpawnRequest } from './prepare-exec.ts';
import { runCommand, type RunOptions } from './run-command.ts';
import { SandboxFiles } from './sandbox-files.ts';
import { requireCapability, SandboxLifecycle } from './sandbox-lifecycle.ts';
import { SandboxNetwork } from './sandbox-network.ts';
import type { SandboxProcess } from './sandbox-process.ts';
import { killSession, openSession, type SandboxSession, type SessionOptions } from './sandbox-session.ts';
import {
  attachProcess,
  spawnProcess,
  type AttachProcessOptions,
  type SpawnOptions,
} from './spawn-process.ts';
import { workspaceWarnings } from './workspace-warnings.ts';

export interface SandboxHandleInit {
  readonly live: LiveSandbox;
  readonly facilities: Facilities;
  /** Why this backend was chosen; empty for a sandbox that was attached to. */
  readonly selection: readonly SelectionStep[];
  readonly connect: (signal?: AbortSignal) => Promise<GuestChannel>;
  /** Undefined where no network is brokered. */
  readonly brokering?: Brokering | undefined;
  readonly machines: () => Machines;
  /** Called when its sandbox was started or removed, or the handle closed. */
  readonly onChange: (what: 'started' | 'closed' | 'removed') => void;
}

const u32 = 0xffff_ffff;

/** One sandbox: what can be done with it, each as an action that is recorded. */
export class SandboxHandle implements AsyncDisposable {
  readonly files: SandboxFiles;
  /** Egress and published ports. */
  readonly network: SandboxNetwork;
  readonly facilities: Facilities;
  /** Why this backend was taken and stronger ones were not (R-TIER-8). */
  readonly selection: readonly SelectionStep[];
  readonly #live: LiveSandbox;
  readonly #lifecycle: SandboxLifecycle;
  readonly #machines: () => Machines;
  readonly #onChange: SandboxHandleInit['onChange'];
  readonly #ephemeral: EphemeralEnd | undefined;
  #removal: Promise<void> | undefined;

  constructor(init: SandboxHandleInit) {
    this.#live = init.live;
    this.#lifecycle = new SandboxLifecycle(init.live, init.connect);
    this.#machines = init.machines;
    this.#onChange = init.onChange;
    const isEphemeral = init.live.guest.spec.strategy === 'ephemeral';
    this.#ephemeral = isEphemeral ? new EphemeralEnd(() => this.remove()) : undefined;
    this.files = new SandboxFiles(init.live);
    this.network = new SandboxNetwork(init.live, init.brokering);
    this.facilities = init.facilities;
    this.selection = init.selection;
  }

  get id(): SandboxId {
    return this.#live.id;
  }

  get spec(): SandboxSpec {
    return this.#live.guest.spec;
  }

  /** Default working directory of commands, and where relative paths are meant from. */
  get workspacePath(): string {
    return this.#live.workspacePath;
  }

  /** Where it runs and what was verified active when the channel was last opened (R-TIER-10). */
  get report(): TierReport {
    return this.#live.report;
  }

  /** `Runtime: <name> (Tier <n>)` */
  get runtimeLine(): string {
    return runtimeLine(this.#live.report);
  }

  /** What the user should be told: on the process tier, and where commands cannot write in the workspace. */
  get warnings(): readonly string[] {
    const { report, guest, user } = this.#live;
    return [...tierWarnings(report, this.spec.isInsecure), ...workspaceWarnings(guest, user)];
  }

  /** A snapshot of it as it runs; it runs on. @throws SovereignError `capability.missing`, `snapshot.failed` */
  snapshot(options: { readonly name?: string } = {}): Promise<SnapshotRecord> {
    return this.#machines().take(this.id, options);
  }

  /** So many copies of it as it runs, with its memory and processes. Default 1. */
  fork(count = 1, options: Omit<ResumeOptions, 'name'> = {}): Promise<readonly SandboxHandle[]> {
    return this.#machines().fork(this.id, count, options);
  }

  /** @throws SovereignError `facility.disabled` */
  requireFacility(name: FacilityName): void {
    requireFacility(this.facilities, name);
  }

  /**
   * Runs a command to its end. What the command did is in the result; only what kept it from being run, or a cancel, rejects.
   * An ephemeral sandbox is gone when its last command has ended.
   */
  exec(request: ExecRequest, options: RunOptions = {}): Promise<ExecResult> {
    const result = runCommand(this.#live, request, options);
    return this.#ephemeral === undefined ? result : this.#ephemeral.after(result);
  }

  /** Runs a script by `sh -c`: the shell facility, which `--insecure` takes away. */
  async shell(
    script: string,
    request: Omit<ExecRequest, 'command' | 'args'> = {},
    options: RunOptions = {},
  ): Promise<ExecResult> {
    this.requireFacility('shell');
    return this.exec({ ...request, command: 'sh', args: ['-c', script] }, options);
  }

  /** Starts a process to follow, write to, or leave running. */
  async spawn(request: SpawnRequest, options: SpawnOptions = {}): Promise<SandboxProcess> {
    const process = await spawnProcess(this.#live, request, options);
    if (request.isDetached !== true) this.#ephemeral?.follow(process.exit, options.signal);
    return process;
  }

  attachProcess(process: number, options: AttachProcessOptions = {}): Promise<SandboxProcess> {
    return attachProcess(this.#live, process, options);
  }

  processes(): Promise<readonly ProcessInfo[]> {
    return this.#ask({ kind: 'exec.list', sandbox: this.id }, (channel) => channel.processes());
  }

  /** Default scope: the direct child. */
  async signal(
    process: number,
    signal: SignalName,
    scope: 'child' | 'group' | 'tree' = 'child',
  ): Promise<void> {
    checkProcess(process);
    if (!Object.hasOwn(signalNumbers, signal))
      throw invalid('signal', signal, 'a signal by name, SIGTERM for instance');
    return this.#ask({ kind: 'exec.signal', sandbox: this.id, process, signal, scope }, (channel) =>
      channel.signalProcess(process, signalNumbers[signal], scope),
    );
  }

  /** SIGKILL for everything the process started. */
  async kill(process: number): Promise<{ readonly killed: number }> {
    checkProcess(process);
    return this.#ask({ kind: 'exec.kill', sandbox: this.id, process }, (channel) =>
      channel.killProcess(process),
    );
  }

  async resize(process: number, size: TerminalSize): Promise<void> {
    checkProcess(process);
    checkWhole('rows', size.rows, { min: 1, max: 65_535 });
    checkWhole('columns', size.columns, { min: 1, max: 65_535 });
    return this.#ask({ kind: 'exec.resize', sandbox: this.id, process }, (channel) =>
      channel.resizeProcess(process, size),
    );
  }

  /** Drops the retained output of a process that has ended. */
  async forget(process: number): Promise<void> {
    checkProcess(process);
    return this.#ask({ kind: 'exec.forget', sandbox: this.id, process }, (channel) =>
      channel.forgetProcess(process),
    );
  }

  openSession(options: SessionOptions = {}): Promise<SandboxSession> {
    return openSession(this.#live, options);
  }

  async killSession(session: number): Promise<{ readonly killed: number }> {
    checkWhole('session', session, { min: 1, max: u32 });
    return killSession(this.#live, session);
  }

  /** As its live processes show it. Looks from the host and does nothing: no action. */
  status(): Promise<GuestState> {
    return this.#live.guest.status();
  }

  /** From the kernel's accounting on the host; no action either. */
  async stats(): Promise<GuestStats> {
    requireCapability(this.#live, 'canStats', 'measure use of resources');
    return this.#live.guest.stats();
  }

  /** Copies a file or directory of the host into it. `from` is an absolute path. */
  copyTo(from: string, to: string, options: CopyOptions = {}): Promise<CopyResult> {
    return copyToSandbox(this, this.#live, { from, to }, options);
  }

  /** Copies a file or directory of it to the host. `to` is an absolute path. */
  copyFrom(from: string, to: string, options: CopyOptions = {}): Promise<CopyResult> {
    return copyFromSandbox(this, this.#live, { from, to }, options);
  }

  pause(): Promise<void> {
    return this.#lifecycle.pause();
  }

  resume(): Promise<void> {
    return this.#lifecycle.resume();
  }

  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#lifecycle.stop(options);
  }

  /** Starts a sandbox that was made without being started, or stopped. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.#lifecycle.start(signal);
    await this.network.revive();
    this.#onChange('started');
  }

  setLimits(limits: LimitSpec): Promise<void> {
    return this.#lifecycle.setLimits(limits);
  }

  /** Kills everything and leaves nothing behind. May be called again when it failed. */
  remove(): Promise<void> {
    this.#removal ??= this.#remove().catch((error: unknown) => {
      this.#removal = undefined;
      throw error;
    });
    return this.#removal;
  }

  /**
   * Lets go of the sandbox: it and what runs in it stay, when its backend keeps them. Its links, published ports and
   * egress end, for they are brokered by whoever holds it.
   */
  async close(): Promise<void> {
    await this.network.release();
    await this.#live.channels.close();
    this.#onChange('closed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #remove(): Promise<void> {
    await this.#lifecycle.remove();
    await this.network.release();
    this.#onChange('removed');
  }

  async #ask<T>(action: Action, run: (channel: GuestChannel) => Promise<T>): Promise<T> {
    const channel = await this.#live.channels.get();
    return this.#live.actions.perform({ action, runtime: this.#live.report }, () => run(channel));
  }
}

function checkProcess(process: number): void {
  checkWhole('process', process, { min: 1, max: u32 });
}
