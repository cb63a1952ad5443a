import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  createFailed,
  hasHomeMark,
  homeMark,
  undoCreate,
  throwIfCancelled,
  isCorrupt,
  unknownSpec,
  withStartLock,
  type Backend,
  type Capabilities,
  type Guest,
  type GuestRecord,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  type Sweeper,
} from '@sovereign/core';
import { MachineState } from '@sovereign/microvm';
import { DockerSandboxGuest, type DockerSandboxHost } from './docker-sandbox-guest.ts';
import { removeTree } from './remove-tree.ts';
import type { MachineStatus } from './list-answer.ts';
import { probeDockerSandbox } from './probe.ts';
import { SandboxNames } from './sandbox-name.ts';
import { findSandboxProgram, type ProgramOptions, type SandboxProgram } from './sandbox-program.ts';
import { SandboxRecord } from './sandbox-record.ts';
import { SandboxSweeper } from './sandbox-sweeper.ts';
import { startMachine } from './start-machine.ts';
import { createRequest } from './supported.ts';

export interface DockerSandboxOptions extends ProgramOptions {
  /** Directory for everything that outlives this process. Mode 0700. */
  readonly stateDirectory: string;
  /** shelld for Linux; one for another architecture is looked for beside it, as `shelld-aarch64` or `shelld-x86_64`. */
  readonly shelldPath: string;
  /** Default: that of this process. */
  readonly platform?: string;
}

/** MicroVMs of Docker Sandboxes, driven through its program (ADR 0028). */
export function createDockerSandboxBackend(options: DockerSandboxOptions): Backend {
  return new DockerSandboxBackend(options);
}

class DockerSandboxBackend implements Backend, DockerSandboxHost {
  readonly name = 'docker-sandbox';
  readonly tier = 'microvm';
  readonly capabilities: Capabilities = {
    isPersistent: true,
    canStop: true,
    canPause: false,
    canSetLimits: false,
    canStats: false,
    canDefine: true,
    hasPty: true,
    hasImages: true,
    fetchesImages: true,
    isIsolated: true,
  };
  readonly state: MachineState;
  readonly sweeper: Sweeper;
  readonly #options: DockerSandboxOptions;
  readonly #directory: string;
  #program: SandboxProgram | undefined;
  #hasSwept = false;

  constructor(options: DockerSandboxOptions) {
    this.#options = options;
    this.#directory = join(options.stateDirectory, 'docker-sandbox');
    this.state = new MachineState(this.#directory);
    this.sweeper = new SandboxSweeper({
      names: () => (hasHomeMark(this.#directory) ? this.#names() : undefined),
      program: () => this.program(),
      directoryOf: (id) => this.state.directory(id),
    });
  }

  probe(): Promise<Probe> {
    // It may have been installed since.
    this.#program = undefined;
    return probeDockerSandbox(() => this.program(), this.#options.platform ?? process.platform);
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const guest = await this.#add(spec, signal);
    try {
      await withStartLock(this.state.startLockPath(spec.id), () => this.launch(spec, signal));
      throwIfCancelled(signal);
      guest.isNew = true;
      return guest;
    } catch (error) {
      await undoCreate(guest, error);
      throw createFailed(spec.id, error);
    }
  }

  async define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    return this.#add(spec, signal);
  }

  launch(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<void> {
    const program = this.program();
    const name = this.nameOf(spec.id);
    const emptyDirectory = this.state.machinePath(spec.id);
    return startMachine({
      program,
      record: this.record(spec.id),
      request: createRequest({ spec, name, kind: program.kind, emptyDirectory }),
      shelldPath: this.#options.shelldPath,
      signal,
    });
  }

  async clear(spec: SandboxSpec): Promise<void> {
    const { id } = spec;
    if (this.record(id).isMade) await this.program().remove(this.nameOf(id));
    await removeTree(this.state.machinePath(id));
    await this.state.remove(id, spec.name);
  }

  async list(): Promise<readonly GuestRecord[]> {
    const ids = this.state.ids();
    // Who has no sandbox here is not told whether a program is installed.
    if (ids.length === 0) return [];
    const isAsked = ids.some((id) => this.record(id).isMade);
    const listed = isAsked ? await this.program().list() : new Map<string, MachineStatus>();
    return ids.flatMap((id) => this.#recordOf(id, listed) ?? []);
  }

  async attach(id: SandboxId): Promise<Guest> {
    try {
      // First: of a sandbox that is not ours the module of guests need not be evaluated.
      const spec = this.state.readSpec(id);
      return await Promise.resolve(new DockerSandboxGuest(spec, this));
    } catch (error) {
      if (isCorrupt(error)) return new DockerSandboxGuest(unknownSpec(id), this);
      throw error;
    }
  }

  /** Nothing of ours runs here: the exec in which shelld runs belongs to the sandbox. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  program(): SandboxProgram {
    return (this.#program ??= findSandboxProgram(this.#options));
  }

  nameOf(id: SandboxId): string {
    return this.#names().of(id);
  }

  record(id: SandboxId): SandboxRecord {
    return new SandboxRecord(this.state.directory(id), this.state.startLockPath(id));
  }

  #names(): SandboxNames {
    return new SandboxNames(homeMark(this.#directory));
  }

  /** Refuses what cannot be, then gives it a place in the state directory. */
  async #add(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<DockerSandboxGuest> {
    throwIfCancelled(signal);
    const program = this.program();
    const name = this.nameOf(spec.id);
    createRequest({ spec, name, kind: program.kind, emptyDirectory: this.state.machinePath(spec.id) });
    // A host that is not set up for it, without a sign-in for instance, is found before anything is made.
    await program.list(signal);
    if (!this.#hasSwept) await this.state.sweep();
    this.#hasSwept = true;
    try {
      this.state.add(spec);
    } catch (error) {
      throw createFailed(spec.id, error);
    }
    return new DockerSandboxGuest(spec, this);
  }

  /** Undefined when it was removed while we looked. */
  #recordOf(id: SandboxId, listed: ReadonlyMap<string, MachineStatus>): GuestRecord | undefined {
    try {
      const guest = new DockerSandboxGuest(this.state.readSpec(id), this);
      const known = guest.knownState();
      const state = known ?? guest.stateIn(listed);
      const problem =
        known === undefined
          ? `Docker Sandboxes has no sandbox ${this.nameOf(id)} any more. Remove it.`
          : 'Its create was cut short. Remove it.';
      return { id, backend: this.name, spec: guest.spec, state, ...(state === 'broken' && { problem }) };
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.not-found') return undefined;
      const problem = error instanceof Error ? error.message : String(error);
      return { id, backend: this.name, spec: unknownSpec(id), state: 'broken', problem };
    }
  }
}
