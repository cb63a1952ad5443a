import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  createFailed,
  type Backend,
  type Capabilities,
  type Guest,
  type GuestRecord,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  throwIfCancelled,
} from '@sovereign/core';
import { connectUnixSocket, findProgram, launchGuest, LaunchHelper } from '@sovereign/guest';
import { launchWays, type LaunchWay } from './launch-way.ts';
import { ownDirectory, sweepStale } from './guest-directory.ts';
import { probeProcess } from './probe.ts';
import { consoleName, endedEarly, endGuest, ProcessGuest } from './process-guest.ts';
import type { ProcessLaunch } from './process-launch.ts';
import { preparePythonEnvironment } from './python-environment.ts';

export interface ProcessOptions {
  /** Directory for what is made once and shared: the root of image `host`, the Python environment. */
  readonly stateDirectory: string;
  /** Directory for sockets; short, because a socket path has 107 bytes at most. Mode 0700. */
  readonly runtimeDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** Path of bubblewrap, `null` to do without it. Default: found in PATH. */
  readonly bubblewrapPath?: string | null;
}

const launchTimeoutMs = 20_000;

/** Hardened processes of this host: the weakest tier, and the one that runs everywhere. */
export function createProcessBackend(options: ProcessOptions): Backend {
  return new ProcessBackend(options);
}

class ProcessBackend implements Backend {
  readonly name = 'process';
  readonly tier = 'process';
  readonly capabilities: Capabilities;
  readonly #options: ProcessOptions;
  readonly #helper: LaunchHelper;
  #launcher: { readonly bubblewrap: string | undefined } | undefined;
  readonly #guests = new Map<SandboxId, ProcessGuest>();
  /** Ids of guests that are there or being made. */
  readonly #taken = new Set<SandboxId>();
  #hasSwept = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#helper = new LaunchHelper({ shelldPath: options.shelldPath });
    const hasBubblewrap = (): boolean => this.#bubblewrap !== undefined;
    this.capabilities = {
      isPersistent: false,
      canStop: false,
      canPause: false,
      canSetLimits: false,
      canStats: false,
      hasPty: true,
      canDefine: false,
      hasImages: false,
      get isIsolated() {
        return hasBubblewrap();
      },
    };
  }

  /** Looked for once, when it is first asked for. */
  get #bubblewrap(): string | undefined {
    const { bubblewrapPath } = this.#options;
    this.#launcher ??= {
      bubblewrap: bubblewrapPath === undefined ? findProgram('bwrap') : (bubblewrapPath ?? undefined),
    };
    return this.#launcher.bubblewrap;
  }

  probe(): Promise<Probe> {
    return Promise.resolve(probeProcess(this.#options.shelldPath, this.#bubblewrap));
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    throwIfCancelled(signal);
    if (spec.image.kind !== 'host') throw imageRefused(spec.image.kind);
    if (Object.keys(spec.limits).length > 0) throw limitsRefused(Object.keys(spec.limits));
    if (!this.#hasSwept) sweepStale(this.#options.runtimeDirectory);
    this.#hasSwept = true;
    if (this.#taken.has(spec.id)) throw idTaken(spec.id);
    this.#taken.add(spec.id);
    const directory = join(this.#options.runtimeDirectory, ownDirectory(spec.id));
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      return await this.#launch(await this.#prepare(spec, directory), signal);
    } catch (error) {
      if (existsSync(directory)) rmSync(directory, { recursive: true, force: true });
      this.#taken.delete(spec.id);
      throw createFailed(spec.id, error, 'runtime');
    }
  }

  define(): Promise<Guest> {
    return Promise.reject(
      new SovereignError({
        reason: 'capability.missing',
        message:
          'A sandbox of the process tier lives as long as its first process: it is not made without being started.',
        hint: 'Leave autoStart out, or use the container tier: --tier container.',
      }),
    );
  }

  list(): Promise<readonly GuestRecord[]> {
    return Promise.resolve(
      [...this.#guests.values()].map((guest) => ({
        id: guest.id,
        backend: this.name,
        spec: guest.spec,
        state: guest.state(),
      })),
    );
  }

  attach(id: SandboxId): Promise<Guest> {
    const guest = this.#guests.get(id);
    if (guest !== undefined) return Promise.resolve(guest);
    return Promise.reject(
      new SovereignError({
        reason: 'sandbox.not-found',
        message: `No sandbox of the process tier has the id ${id.slice(0, 64)} in this process.`,
        hint: 'Guests of the process tier belong to the process that made them; use the container tier to share one.',
        context: { id: id.slice(0, 64) },
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#guests.values()].map((guest) => guest.remove()));
    await this.#helper.close();
  }

  async #prepare(spec: SandboxSpec, directory: string): Promise<ProcessLaunch> {
    const { stateDirectory, shelldPath, pythonPath } = this.#options;
    const virtualEnvPath =
      pythonPath === undefined
        ? undefined
        : await preparePythonEnvironment(join(stateDirectory, 'python'), pythonPath, this.#helper);
    return {
      spec,
      directory,
      socketPath: join(directory, 'channel.sock'),
      consolePath: join(directory, consoleName),
      imageDirectory: join(stateDirectory, 'images'),
      shelldPath,
      pythonPath,
      virtualEnvPath,
      timeoutMs: launchTimeoutMs,
    };
  }

  /** Tries the ways in their order; what the last one says is what the caller hears. */
  async #launch(launch: ProcessLaunch, signal: AbortSignal | undefined): Promise<Guest> {
    let failure: unknown;
    for (const way of launchWays(this.#bubblewrap, launch.spec.isInsecure)) {
      try {
        return await this.#launchBy(way, launch, signal);
      } catch (error) {
        if (!(error instanceof SovereignError && error.reason === 'launcher.failed')) throw error;
        failure ??= error;
        rmSync(launch.socketPath, { force: true });
      }
    }
    throw failure;
  }

  async #launchBy(
    way: LaunchWay,
    launch: ProcessLaunch,
    signal: AbortSignal | undefined,
  ): Promise<ProcessGuest> {
    const launched = await launchGuest(this.#helper, launch.shelldPath, way.request(launch));
    try {
      throwIfCancelled(signal);
      const stream = await connectUnixSocket(launch.socketPath);
      // A guest that needs nothing of the directory loses it now, so that no crash can leave it.
      rmSync(way.needsDirectory ? launch.socketPath : launch.directory, { recursive: true, force: true });
      const { id } = launch.spec;
      const guest = new ProcessGuest({
        spec: launch.spec,
        launched,
        stream,
        workspacePath: way.workspacePath(launch),
        baseEnv: way.environment(launch),
        directory: launch.directory,
        patienceMs: way.patienceMs,
        onRemoved: () => {
          this.#guests.delete(id);
          this.#taken.delete(id);
        },
      });
      this.#guests.set(id, guest);
      return guest;
    } catch (error) {
      await endGuest(launch.spec.id, launched);
      throwIfCancelled(signal);
      throw endedEarly(launch.spec.id, launch.consolePath, error);
    }
  }
}

function idTaken(id: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.exists',
    message: `A sandbox of the process tier has the id ${id}.`,
    hint: 'Use another id.',
    context: { id },
  });
}

function imageRefused(kind: string): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `The process tier has no images: ${kind} (host expected).`,
    hint: 'Use the container tier: --tier container.',
    context: { image: kind },
  });
}

function limitsRefused(names: readonly string[]): SovereignError {
  return new SovereignError({
    reason: 'limit.unsupported',
    message: `The process tier enforces no limits: ${names.join(', ')}.`,
    hint: 'Leave them out, or use the container tier: --tier container.',
    context: { limits: names.join(', ') },
  });
}
