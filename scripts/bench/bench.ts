import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { absent, type Available, type Measured } from './figure.ts';
import { interleave, type Side } from './interleave.ts';
import type { Cleanup } from './cleanup.ts';
import { compileStatic } from './compile.ts';
import type { Options } from './options.ts';
import { openMachines, type Machines } from './machines.ts';
import { openOurs, removeSandboxes, type Ours } from './ours.ts';
import { DockerApi } from './docker-api.ts';
import { openDocker, startPrivateDocker } from './peers/docker.ts';
import { startRegistry, type ImageShape, type LocalRegistry } from './peers/local-registry.ts';
import type { Engine, EngineOptions } from './peers/engine.ts';
import { openPodman } from './peers/podman.ts';
import { compileSpawnLoop, type SpawnLoop } from './peers/spawn-loop.ts';
import { startWorker, type WorkerClient, type WorkerOptions } from './worker/worker-client.ts';

/** Name of the program that does nothing, in the workspace and in the peers' image. */
export const nothing = 'nothing';

export interface BenchInit {
  readonly options: Options;
  readonly cleanup: Cleanup;
  /** Ends the run between two samples. */
  readonly signal: AbortSignal;
}

/** What figures share in one run. Everything is opened when it is first asked for and closed at the end. */
export class Bench {
  readonly isQuick: boolean;
  /** Our state: `SOVEREIGN_HOME` of this run. */
  readonly home: string;
  readonly workspace: string;
  readonly #cleanup: Cleanup;
  readonly #signal: AbortSignal;
  readonly #options: Options;
  readonly #directory: string;
  #ours: Promise<Available<Ours>> | undefined;
  #machines: Promise<Available<Machines>> | undefined;
  #docker: Promise<Available<Engine>> | undefined;
  #podman: Promise<Available<Engine>> | undefined;
  #program: Available<string> | undefined;
  #spawnLoop: Available<SpawnLoop> | undefined;

  constructor({ options, cleanup, signal }: BenchInit) {
    this.isQuick = options.isQuick;
    this.#signal = signal;
    this.#cleanup = cleanup;
    this.#options = options;
    // Short: a socket path has 107 bytes at most.
    const directory = mkdtempSync('/tmp/sb-');
    // Sandboxes that could not be removed keep their state: without it nobody could remove them later.
    this.#cleanup.defer(async () => {
      await removeSandboxes(this.home);
      rmSync(directory, { recursive: true, force: true });
    });
    this.#directory = directory;
    this.home = join(directory, 'h');
    this.workspace = join(directory, 'w');
    mkdirSync(this.home, { mode: 0o700 });
    mkdirSync(this.workspace);
  }

  /** An empty directory that goes with the run. */
  directory(name: string): string {
    return mkdtempSync(join(this.#directory, `${name}-`));
  }

  /** Number of samples: a figure that costs much asks for few. */
  samples(full: number, quick: number): number {
    return this.isQuick ? quick : full;
  }

  /** Takes the samples of both, in turns. */
  interleave(ours: Side, peers: readonly Side[] = []): Promise<Measured> {
    return interleave({ ours, peers, signal: this.#signal });
  }

  ours(): Promise<Available<Ours>> {
    this.#ours ??= openOurs({ home: this.home, workspace: this.workspace }).then((opened) => {
      if (opened.ok) this.#cleanup.defer(() => opened.value.close());
      return opened;
    });
    return this.#ours;
  }

  machines(): Promise<Available<Machines>> {
    this.#machines ??= openMachines(this.home, this.#cleanup).then((opened) => {
      if (opened.ok) this.#cleanup.defer(() => opened.value.close());
      return opened;
    });
    return this.#machines;
  }

  docker(): Promise<Available<Engine>> {
    this.#docker ??= this.#engine('docker', openDocker, this.#options.startsDocker);
    return this.#docker;
  }

  /** A registry on loopback with an image of that shape. @throws Error without docker-registry */
  registry(shape: ImageShape): Promise<LocalRegistry> {
    return startRegistry(join(this.#directory, 'registry'), shape, this.#cleanup);
  }

  /** A dockerd of its own with that registry in its network. @throws Error where none may be started */
  async dockerBeside(registry: LocalRegistry): Promise<{ readonly api: DockerApi; readonly image: string }> {
    if (!this.#options.startsDocker) throw new Error('its daemon was not started (--start-docker)');
    const directory = join(this.#directory, 'r');
    mkdirSync(directory, { mode: 0o700 });
    const setup = `${registry.command} >/dev/null 2>&1 &`;
    const api = new DockerApi(await startPrivateDocker({ directory, cleanup: this.#cleanup, setup }));
    this.#cleanup.defer(() => api.close());
    return { api, image: registry.image };
  }

  /** Podman has no daemon of its own: it is asked only when its service was asked for. */
  podman(): Promise<Available<Engine>> {
    this.#podman ??= this.#options.startsPodman
      ? this.#engine('podman', openPodman, true)
      : Promise.resolve(absent('its service was not started (--start-podman)'));
    return this.#podman;
  }

  /** A static program that does nothing, in the workspace: what an exec costs beside the program. */
  staticProgram(): Available<string> {
    this.#program ??= compileStatic('int main(void) { return 0; }\n', join(this.workspace, nothing));
    return this.#program;
  }

  spawnLoop(): Available<SpawnLoop> {
    this.#spawnLoop ??= compileSpawnLoop(join(this.#directory, 'spawn-loop'));
    return this.#spawnLoop;
  }

  /** A process of its own for what must not be measured in a process that did other things before. */
  async worker(options: Omit<WorkerOptions, 'home' | 'workspace'> = {}): Promise<WorkerClient> {
    const worker = await startWorker({ ...options, home: this.home, workspace: this.workspace });
    const close = this.#cleanup.defer(() => worker.close());
    return { run: (job) => worker.run(job), close };
  }

  async #engine(
    name: string,
    open: (options: EngineOptions) => Promise<Available<Engine>>,
    mayStart: boolean,
  ): Promise<Available<Engine>> {
    const directory = join(this.#directory, name.slice(0, 1));
    mkdirSync(directory, { mode: 0o700 });
    try {
      return await open({ directory, program: this.staticProgram(), mayStart, cleanup: this.#cleanup });
    } catch (error) {
      return absent(error instanceof Error ? error.message : String(error));
    }
  }
}
