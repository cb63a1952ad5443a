import { join } from 'node:path';
import { isAlive, type ByteStream, type SandboxSpec } from '@sovereign/core';
import { connectGuestChannel, type HostGuestChannel } from '@sovereign/guest';
import type { MachineState } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { lastOfConsole } from './machine-console.ts';
import { workspaceTag } from './machine-paths.ts';
import { connectFreePort } from './ports.ts';
import { SnapshotLock } from './snapshot-lock.ts';

/** How long a machine that runs may take to answer. */
const answerTimeoutMs = 10_000;
/** What the guest's kernel says of a directory that a process uses: asm-generic/errno-base.h. */
const busy = 16;

export interface ConversationOptions {
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** It has never answered yet. Default false. */
  readonly isBooting?: boolean;
  readonly signal?: AbortSignal;
}

export interface MachineConversationInit {
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly state: MachineState;
  readonly portsPath: string;
  readonly monitorSocketPath: string;
}

/** How a machine is spoken to: conversations of callers and of ours, and what one that fails means. */
export class MachineConversation {
  readonly snapshotLock: SnapshotLock;
  readonly #init: MachineConversationInit;

  constructor(init: MachineConversationInit) {
    const { spec, state } = init;
    this.#init = init;
    this.snapshotLock = new SnapshotLock(join(state.directory(spec.id), 'snapshot.lock'), spec.id);
  }

  /** The stream of a conversation. A machine that was left standing still in a snapshot goes on first. */
  async connect(options: ConversationOptions = {}): Promise<ByteStream> {
    const { spec, state, portsPath } = this.#init;
    const { timeoutMs = answerTimeoutMs, isBooting = false, signal } = options;
    try {
      await this.goOn();
      const locksPath = state.directory(spec.id);
      return await connectFreePort({
        ...{ portsPath, locksPath, timeoutMs, isBooting },
        ...(signal !== undefined && { signal }),
      });
    } catch (error) {
      throw this.crashed(error);
    }
  }

  /** Lets a machine go on that was left standing still, or without its workspace, by a snapshot that nobody finishes. */
  goOn(): Promise<void> {
    const { monitorSocketPath } = this.#init;
    return this.snapshotLock.goOn({ monitorSocketPath, restore: () => this.#restoreWorkspace() });
  }

  /** Whether a snapshot that nobody finishes left the machine standing still. */
  standsStill(): Promise<boolean> {
    return this.snapshotLock.hasLeftStandingStill(this.#init.monitorSocketPath);
  }

  /** A conversation of ours, beside those of callers. It is the caller's to close. */
  async begin(options: ConversationOptions = {}): Promise<HostGuestChannel> {
    const welcomeTimeoutMs = options.timeoutMs ?? answerTimeoutMs;
    return connectGuestChannel(await this.connect(options), {
      client: 'sovereign backend',
      welcomeTimeoutMs,
    });
  }

  /** One thing said, in a conversation of its own. */
  async say<T>(act: (channel: HostGuestChannel) => Promise<T>, options?: ConversationOptions): Promise<T> {
    const channel = await this.begin(options);
    return act(channel).finally(() => channel.close());
  }

  /** Does nothing when there is none. */
  async mountWorkspace(channel: HostGuestChannel): Promise<void> {
    const { spec, workspacePath: path } = this.#init;
    if (spec.workspace === undefined) return;
    await channel.system.mount({ tag: workspaceTag, path, isReadOnly: spec.workspace.isReadOnly === true });
  }

  /**
   * Takes the workspace away for as long as a snapshot lasts; what comes back puts it there again.
   *
   * @throws SovereignError `snapshot.failed` while a process uses it
   */
  async detachWorkspace(): Promise<() => Promise<void>> {
    const { spec, workspacePath } = this.#init;
    if (spec.workspace === undefined) return () => Promise.resolve();
    await this.say((channel) => channel.system.unmount(workspacePath)).catch((error: unknown) => {
      throw workspaceInUse(spec.id, error);
    });
    return () => this.say((channel) => this.mountWorkspace(channel));
  }

  /** What a failed conversation means: that the machine has ended, with the last of its console, or what it was. */
  crashed(error: unknown): unknown {
    const { state, spec } = this.#init;
    const { id } = spec;
    try {
      const machine = state.readMachine(id);
      if (machine === undefined || isAlive(machine)) return error;
    } catch {
      return error;
    }
    return new SovereignError({
      reason: 'guest.crashed',
      message: `The machine of ${id} has ended. The last of its console: ${lastOfConsole(state.consolePath(id))}`,
      hint: `Start it again: sovereign start ${id}. When it stays so, give it more memory or another image.`,
      context: { id },
      cause: error,
    });
  }

  /** Mounts the workspace where it is not mounted: it may have been taken away, or not yet. */
  async #restoreWorkspace(): Promise<void> {
    const { spec, workspacePath } = this.#init;
    if (spec.workspace === undefined) return;
    await this.say(async (channel) => {
      const isMounted = await channel.system.unmount(workspacePath).then(
        () => false,
        (error: unknown) => error instanceof SovereignError && error.context['errno'] === busy,
      );
      if (!isMounted) await this.mountWorkspace(channel);
    });
  }
}

function workspaceInUse(id: string, cause: unknown): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `No snapshot of ${id} was taken: its workspace could not be unmounted for the moment (${cause instanceof Error ? cause.message : String(cause)}).`,
    hint: 'End what works in the workspace, or take the snapshot before it begins.',
    context: { id },
    cause,
  });
}
