import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQuiltBackend, type QuiltOptions } from '@sovereign/backends';
import type { Backend, ContainerEngine, Guest, GuestChannel, Leftover, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import {
  collect,
  environmentOf,
  expectNothingLeft,
  leakSnapshot,
  sandboxSpecForTest,
  skipOrFail,
  type Skippable,
} from '@sovereign/testkit';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Ends a test that needs root where there is none. */
export function needsRoot(context: Skippable): void {
  if (process.geteuid?.() !== 0) skipOrFail(context, 'root', 'not run as root');
}

/** What quilt is told besides where it keeps what is its own. */
export type SceneOptions = Pick<QuiltOptions, 'steps'>;

/** quilt on a state directory of its own; nothing of it is left afterwards, whatever happens. */
export class QuiltScene {
  readonly root: string;
  readonly backend: Backend;
  readonly engine: ContainerEngine;
  /** Ids of sandboxes that others made here. */
  readonly seen = new Set<string>();

  private constructor(root: string, options: SceneOptions) {
    this.root = root;
    this.backend = createQuiltBackend({ ...directoriesIn(root), ...options });
    const { engine } = this.backend;
    if (engine === undefined) throw new Error('quilt is no container engine');
    this.engine = engine;
  }

  static async play(act: (scene: QuiltScene) => Promise<void>, options: SceneOptions = {}): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), 'svq-'));
    await chmod(root, 0o755);
    for (const name of ['state', 'run', 'workspace']) await mkdir(join(root, name), { mode: 0o700 });
    const scope = { marks: () => [root], directories: [join(root, 'run')] };
    const before = await leakSnapshot(scope);
    const scene = new QuiltScene(root, options);
    try {
      await act(scene);
    } finally {
      await scene.#clear();
      // A scratch guest whose maker was killed waits for it so long.
      await expectNothingLeft(before, scope, 15_000);
      await rm(root, { recursive: true, force: true });
    }
  }

  get workspace(): string {
    return join(this.root, 'workspace');
  }

  /** Path in the state directory of quilt. */
  state(...names: readonly string[]): string {
    return join(this.root, 'state', 'quilt', ...names);
  }

  create(spec: Partial<SandboxSpec> = {}): Promise<Guest> {
    return this.backend.create(sandboxSpecForTest(spec));
  }

  define(spec: Partial<SandboxSpec> = {}): Promise<Guest> {
    return this.backend.define(sandboxSpecForTest(spec));
  }

  /** Runs a script by sh in a guest. */
  async sh(guest: Guest, script: string): Promise<Ran> {
    return this.withChannel(guest, async (channel) => {
      const { exit, stdout, stderr } = await collect(
        channel.exec({
          command: 'sh',
          args: ['-c', script],
          cwd: '/',
          env: environmentOf(guest),
          timeoutMs: 30_000,
        }),
      );
      return { code: exit.exitCode, out: stdout.toString(), err: stderr.toString() };
    });
  }

  async withChannel<T>(guest: Guest, work: (channel: GuestChannel) => Promise<T>): Promise<T> {
    const channel = connectGuestChannel(await guest.connect());
    try {
      return await work(channel);
    } finally {
      await channel.close();
    }
  }

  /** Process id of the guest's first process, on the host. */
  async pidOf(guest: Guest): Promise<number> {
    const text = await readFile(this.state('sandboxes', guest.id, 'guest.json'), 'utf8');
    return (JSON.parse(text) as { readonly pid: number }).pid;
  }

  /** What is left, of this scene: empty control groups of others are none of it. */
  async leftovers(): Promise<readonly Leftover[]> {
    const ids = new Set<string>([...this.seen, ...(await this.backend.list()).map(({ id }) => id)]);
    return (await this.engine.leftovers()).filter(({ kind, id }) => kind !== 'cgroup' || ids.has(id));
  }

  async #clear(): Promise<void> {
    for (const { id } of await this.backend.list()) await (await this.backend.attach(id)).remove();
    for (const { name } of await this.engine.networks.list()) await this.engine.networks.remove(name);
    for (const { name } of await this.engine.volumes.list()) await this.engine.volumes.remove(name);
    await this.backend.close();
  }
}

export function directoriesIn(root: string): {
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly shelldPath: string;
} {
  return {
    stateDirectory: join(root, 'state'),
    runtimeDirectory: join(root, 'run'),
    shelldPath: findShelld(),
  };
}

/** Everything that an async iterable yields. */
export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
