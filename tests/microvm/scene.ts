import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQemuBackend, type QemuOptions as BackendOptions } from '@sovereign/backends';
import type { Backend, Guest, SandboxSpec, Snapshots } from '@sovereign/core';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';
import { collect, environmentOf, sandboxSpecForTest } from '@sovereign/testkit';
import { microvmImageDirectory } from '../support/tiers.ts';

const applets = [
  'sh',
  'cat',
  'ls',
  'echo',
  'sleep',
  'dd',
  'hostname',
  'mount',
  'od',
  'rm',
  'mkdir',
  'tr',
  'kill',
];

interface SceneOptions extends Partial<BackendOptions> {
  /** Images of this test's own, which it may ruin. Default false. */
  readonly hasOwnImages?: boolean;
}

/** Directories and a backend of one test's own, with an image of busybox and nothing else. */
export class MachineScene {
  readonly root: string;
  readonly imagePath: string;
  readonly #options: SceneOptions;
  readonly kernelPath: string;
  readonly #guests: Guest[] = [];
  #backend: Backend;

  private constructor(root: string, kernelPath: string, options: SceneOptions) {
    this.root = root;
    this.kernelPath = kernelPath;
    this.imagePath = join(root, 'image');
    this.#options = options;
    this.#backend = this.#open();
  }

  static async play(act: (scene: MachineScene) => Promise<void>, options: SceneOptions = {}): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), 'svm-'));
    for (const name of ['s', 'r']) await mkdir(join(root, name), { mode: 0o700 });
    const scene = new MachineScene(root, await builtKernel(), options);
    try {
      await makeImage(scene.imagePath);
      await act(scene);
    } finally {
      await scene.#dispose();
    }
  }

  get backend(): Backend {
    return this.#backend;
  }

  get snapshots(): Snapshots {
    const { snapshots } = this.#backend;
    if (snapshots === undefined) throw new Error('the backend takes no snapshots');
    return snapshots;
  }

  /** Another backend on the same directories: our process after its restart. */
  async restart(): Promise<void> {
    await this.#backend.close();
    this.#backend = this.#open();
  }

  spec(overrides: Partial<SandboxSpec> = {}): SandboxSpec {
    return sandboxSpecForTest({
      image: { kind: 'rootfs', path: this.imagePath },
      limits: { memoryBytes: 128 * 1024 * 1024 },
      ...overrides,
    });
  }

  async create(overrides: Partial<SandboxSpec> = {}): Promise<Guest> {
    return this.keep(await this.#backend.create(this.spec(overrides)));
  }

  /** Removed at the end of the test. */
  keep(guest: Guest): Guest {
    this.#guests.push(guest);
    return guest;
  }

  async workspace(): Promise<string> {
    const path = await mkdtemp(join(this.root, 'w-'));
    await writeFile(join(path, 'from-host'), 'host');
    return path;
  }

  /** stdout of a script in a guest. */
  async sh(
    guest: Guest,
    script: string,
    {
      timeoutMs = 60_000,
      cwd = guest.workspacePath,
    }: { readonly timeoutMs?: number; readonly cwd?: string } = {},
  ): Promise<string> {
    const channel = connectGuestChannel(await guest.connect());
    try {
      const command = {
        command: 'sh',
        args: ['-c', script],
        cwd,
        env: environmentOf(guest),
      };
      return (await collect(channel.exec(command), timeoutMs)).stdout.toString();
    } finally {
      await channel.close();
    }
  }

  #open(): Backend {
    const { hasOwnImages = false, ...options } = this.#options;
    return createQemuBackend({
      stateDirectory: join(this.root, 's'),
      runtimeDirectory: join(this.root, 'r'),
      shelldPath: findShelld(),
      imageDirectory: hasOwnImages ? join(this.root, 'images') : microvmImageDirectory,
      kernelPath: this.kernelPath,
      ...options,
    });
  }

  async #dispose(): Promise<void> {
    for (const guest of this.#guests) await guest.remove();
    for (const { id } of await this.#backend.list()) await (await this.#backend.attach(id)).remove();
    await this.#backend.close();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** The kernel that `npm test` has built, or the one that the environment names. */
export async function builtKernel(): Promise<string> {
  const artifacts = new LocalArtifacts({ imageDirectory: microvmImageDirectory, shelldPath: findShelld() });
  return process.env['SOVEREIGN_MICROVM_KERNEL'] ?? (await artifacts.kernel()).path;
}

/** A root file system of busybox alone. */
export async function makeImage(path: string): Promise<void> {
  for (const name of ['bin', 'etc', 'proc', 'dev', 'sys', 'tmp', 'run'])
    await mkdir(join(path, name), { recursive: true });
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  await copyFile(busybox, join(path, 'bin', 'busybox'));
  await chmod(join(path, 'bin', 'busybox'), 0o755);
  for (const name of applets) await symlink('busybox', join(path, 'bin', name));
  await writeFile(join(path, 'etc', 'hosts'), '127.0.0.1 localhost\n');
}
