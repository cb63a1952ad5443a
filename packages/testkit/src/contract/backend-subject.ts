import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, ByteStream, Guest, GuestChannel, SandboxSpec } from '@sovereign/core';
import { within } from './eventually.ts';
import { leakSnapshot, type LeakScope, type LeakSnapshot } from './leak-snapshot.ts';
import { sandboxSpecForTest } from './sandbox-spec-for-test.ts';
import { collect, type Ran } from './channel/channel-subject.ts';

export type OpenChannel = (stream: ByteStream) => GuestChannel;

/** Directories of one test's own. Short, because unix socket paths are. */
export interface BackendDirectories {
  readonly stateDir: string;
  readonly runtimeDir: string;
}

export interface BackendContractOptions {
  readonly name: string;
  /** Makes a backend on these directories; called twice on the same ones to act out a restart. */
  create(directories: BackendDirectories): Promise<Backend>;
  readonly openChannel: OpenChannel;
  /** Real programs under a real kernel; false for the fake. */
  readonly hasKernel: boolean;
  /** The host's /proc shows the guest's processes. */
  readonly hostSeesProcesses: boolean;
}

/** Everything one test of a backend works with. `dispose` removes every sandbox that the test made. */
export class BackendScene {
  readonly backend: Backend;
  readonly directories: BackendDirectories;
  readonly #options: BackendContractOptions;
  readonly #specs: SandboxSpec[] = [];
  readonly #root: string;
  readonly #channels = new Map<string, GuestChannel>();

  private constructor(
    options: BackendContractOptions,
    root: string,
    directories: BackendDirectories,
    backend: Backend,
  ) {
    this.#options = options;
    this.#root = root;
    this.directories = directories;
    this.backend = backend;
  }

  static async open(options: BackendContractOptions): Promise<BackendScene> {
    const root = await mkdtemp(join(tmpdir(), 'svt-'));
    const directories = { stateDir: join(root, 's'), runtimeDir: join(root, 'r') };
    await mkdir(directories.stateDir, { mode: 0o700 });
    await mkdir(directories.runtimeDir, { mode: 0o700 });
    return new BackendScene(options, root, directories, await options.create(directories));
  }

  /** Opens a scene, plays it, and clears it away whatever happened. */
  static async play(
    options: BackendContractOptions,
    act: (scene: BackendScene) => Promise<void>,
  ): Promise<void> {
    const scene = await BackendScene.open(options);
    try {
      await act(scene);
    } finally {
      await scene.dispose();
    }
  }

  /** A second backend on the same directories: the daemon after its restart. */
  restarted(): Promise<Backend> {
    return this.#options.create(this.directories);
  }

  get scope(): LeakScope {
    return { marks: () => [this.#root, ...this.#specs.map(({ id }) => id)], directories: [this.#root] };
  }

  /** What is there before a test. What a backend makes once and keeps for all sandboxes is made first. */
  async snapshot(): Promise<LeakSnapshot> {
    const first = await this.create();
    await first.remove();
    return leakSnapshot(this.scope);
  }

  spec(overrides: Partial<SandboxSpec> = {}): SandboxSpec {
    const spec = sandboxSpecForTest(overrides);
    this.#specs.push(spec);
    return spec;
  }

  create(overrides: Partial<SandboxSpec> = {}, signal?: AbortSignal): Promise<Guest> {
    return this.backend.create(this.spec(overrides), signal);
  }

  /** A workspace directory of this test on the host. */
  async workspace(): Promise<string> {
    const path = join(this.#root, `w${randomBytes(4).toString('hex')}`);
    await mkdir(path);
    return path;
  }

  /** The scene's one connection to a guest: a guest that is not persistent ends with its connection. */
  async channel(guest: Guest): Promise<GuestChannel> {
    const open = this.#channels.get(guest.id);
    if (open !== undefined) return open;
    const channel = await this.open(guest);
    this.#channels.set(guest.id, channel);
    void channel.closed.then(() => {
      if (this.#channels.get(guest.id) === channel) this.#channels.delete(guest.id);
    });
    return channel;
  }

  /** A further connection; the caller closes it. */
  async open(guest: Guest): Promise<GuestChannel> {
    const channel = this.#options.openChannel(await guest.connect());
    await within('the welcome', channel.welcome);
    return channel;
  }

  /** One command in a guest. */
  async run(guest: Guest, command: string, ...args: readonly string[]): Promise<Ran> {
    const channel = await this.channel(guest);
    return collect(channel.exec({ command, args, cwd: guest.workspacePath, env: environmentOf(guest) }));
  }

  async dispose(): Promise<void> {
    for (const channel of [...this.#channels.values()]) await channel.close();
    for (const record of await this.backend.list())
      await (await this.backend.attach(record.id).catch(() => undefined))?.remove();
    await this.backend.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** The whole environment of a command, as core puts it together. */
export function environmentOf(guest: Guest): readonly string[] {
  return Object.entries({ ...guest.baseEnv, ...guest.spec.env }).map(([name, value]) => `${name}=${value}`);
}
