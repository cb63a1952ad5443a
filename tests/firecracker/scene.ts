import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFirecrackerBackend, type Converse, type FirecrackerOptions } from '@sovereign/backends';
import type { Backend, Guest, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel, findProgram, findShelld, type MachineIdentity } from '@sovereign/guest';
import type { Artifact, MicrovmArtifacts } from '@sovereign/microvm';
import {
  collect,
  environmentOf,
  expectNothingLeft,
  leakSnapshot,
  sandboxSpecForTest,
  type Absence,
  type LeakScope,
  type Ran,
} from '@sovereign/testkit';
import { buildActedProgram } from '../support/acted-program.ts';

/** What the published API cannot be acted out without. */
export function absenceOfFake(): Absence {
  if (process.platform !== 'linux') return { isMissing: true, reason: 'Linux only' };
  if (findProgram('bwrap') === undefined) return { isMissing: true, reason: 'bubblewrap is not installed' };
  return { isMissing: false };
}

export interface LoggedEvent {
  readonly event: string;
  readonly [fact: string]: unknown;
}

export interface Faults {
  readonly at?: string;
  readonly how?: 'die' | 'rubbish' | 'hang' | 'refuse' | 'endless' | 'no-reason';
  readonly vsock?: 'hang' | 'rubbish' | 'half' | 'refuse';
  readonly shelld?: string;
  readonly snapshotVersion?: string;
}

/** One Firecracker that is acted out, a backend on it, and the certainty that nothing of both is left. */
export class FirecrackerScene {
  /** Who each machine was told to be, in order. */
  readonly identities: MachineIdentity[] = [];
  readonly specs: SandboxSpec[] = [];
  readonly #root: string;
  readonly #backends: Backend[] = [];

  private constructor(root: string) {
    this.#root = root;
  }

  static async open(): Promise<FirecrackerScene> {
    const root = await mkdtemp(join(tmpdir(), 'svk-'));
    await chmod(root, 0o755);
    const scene = new FirecrackerScene(root);
    for (const name of ['state', 'run', 'program', 'artifacts'])
      await mkdir(scene.path(name), { mode: 0o755 });
    await chmod(scene.path('run'), 0o700);
    await buildActedProgram(new URL('fake-firecracker.ts', import.meta.url), scene.program);
    await writeFile(
      scene.path('program', 'setting.json'),
      JSON.stringify({ shelld: findShelld(), root: scene.path('artifacts') }),
    );
    return scene;
  }

  static async play(act: (scene: FirecrackerScene) => Promise<void>): Promise<void> {
    const scene = await FirecrackerScene.open();
    const scope: LeakScope = { marks: () => [scene.#root, ...scene.specs.map(({ id }) => id)] };
    const before = await leakSnapshot(scope);
    try {
      await act(scene);
      await scene.#clear();
      await expectNothingLeft(before, scope, 5_000);
    } finally {
      await scene.dispose();
    }
  }

  get program(): string {
    return this.path('program', 'firecracker');
  }

  path(...names: readonly string[]): string {
    return join(this.#root, ...names);
  }

  /** A backend; another one on the same directories is what a process after ours would have. */
  backend(options: Partial<FirecrackerOptions> = {}): Backend {
    const backend = createFirecrackerBackend({
      stateDirectory: this.path('state'),
      runtimeDirectory: this.path('run'),
      shelldPath: findShelld(),
      firecrackerPath: this.program,
      jailerPath: null,
      artifacts: artifactsIn(this.path('artifacts')),
      converse: this.converse,
      hasKvm: () => true,
      ...options,
    });
    this.#backends.push(backend);
    return backend;
  }

  spec(overrides: Partial<SandboxSpec> = {}): SandboxSpec {
    const image = { kind: 'rootfs', path: this.path('artifacts') } as const;
    const spec = sandboxSpecForTest({ image, ...overrides });
    this.specs.push(spec);
    return spec;
  }

  async create(backend: Backend, overrides: Partial<SandboxSpec> = {}): Promise<Guest> {
    return backend.create(this.spec(overrides));
  }

  /** One command in a guest, over a connection of its own. */
  async run(guest: Guest, command: string, ...args: readonly string[]): Promise<Ran> {
    const channel = connectGuestChannel(await guest.connect());
    try {
      return await collect(channel.exec({ command, args, cwd: '/', env: environmentOf(guest) }));
    } finally {
      await channel.close();
    }
  }

  /** What goes wrong from now on. */
  async fail(faults: Faults): Promise<void> {
    await writeFile(this.path('program', 'faults.json'), JSON.stringify(faults));
  }

  /** What the monitors were asked, in order. */
  async log(...events: readonly string[]): Promise<readonly LoggedEvent[]> {
    const text = await readFile(this.path('program', 'log.jsonl'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LoggedEvent)
      .filter(({ event }) => events.length === 0 || events.includes(event));
  }

  /** A jailer's command line, the root that it makes, and the program that it becomes; without chroot and change of user. */
  async jailer(): Promise<string> {
    const path = this.path('program', 'jailer');
    await writeFile(path, jailerScript, { mode: 0o755 });
    return path;
  }

  async dispose(): Promise<void> {
    await this.#clear();
    await rm(this.#root, { recursive: true, force: true });
  }

  async #clear(): Promise<void> {
    await this.fail({});
    for (const backend of this.#backends.splice(0)) {
      for (const { id } of await backend.list()) await (await backend.attach(id)).remove();
      await backend.close();
    }
  }

  /**
   * The backend's own conversations. The machine here is a process of the host, where the requests of `system.*` are refused:
   * that they come, and when, is what is looked at; shutting down is sent as the signal that it ends in.
   */
  readonly converse: Converse = async (stream, timeoutMs) => {
    const channel = connectGuestChannel(stream, { welcomeTimeoutMs: timeoutMs });
    await Promise.all([channel.welcome, channel.ping()]);
    const run = async (script: string): Promise<void> => {
      const process = channel.exec({ command: 'sh', args: ['-c', script], cwd: '/', env: [] });
      await process.exit.catch(() => undefined);
    };
    return {
      identify: async (identity) => {
        await channel.ping();
        this.identities.push(identity);
      },
      sync: () => run('sync'),
      usage: () => Promise.resolve({ processes: 1, memoryBytes: 0 }),
      shutdown: () => run('kill -TERM 1'),
      close: () => channel.close(),
    };
  };
}

/** Artifacts as files that are there: what the monitor looks at is that they are. */
function artifactsIn(directory: string): MicrovmArtifacts {
  const file = async (name: string, content: string): Promise<Artifact> => {
    const path = join(directory, name);
    if (!existsSync(path)) await writeFile(path, content, { mode: 0o644 });
    return { path, digest: '0'.repeat(64), bytes: readFileSync(path).byteLength };
  };
  return {
    kernel: () => file('kernel-image', 'a kernel'),
    buildKernel: () => file('kernel-image', 'a kernel'),
    initrd: () => file('initrd-image', 'an initrd'),
    rootImage: async () => ({ base: await file('base-image', 'an image'), shared: [] }),
    emptyDisk: () => file('empty-disk', 'a disk'),
  };
}

const jailerScript = `#!/bin/sh
home=$(dirname "$0") cgroups=
while [ "$1" != -- ]; do
  case $1 in
    --id) id=$2 ;; --exec-file) exec=$2 ;; --uid) uid=$2 ;; --gid) gid=$2 ;; --chroot-base-dir) base=$2 ;;
    --cgroup-version | --parent-cgroup) ;;
    --cgroup) cgroups="$cgroups$2;" ;;
    *) echo "jailer: unknown argument $1"; exit 2 ;;
  esac
  shift 2
done
shift
root=$base/$(basename "$exec")/$id/root
mkdir -p "$root/dev" || exit 1
# mknod fails on what is there already.
mkdir "$root/dev/kvm" || exit 1
printf '{"event":"jailed","root":"%s","uid":%s,"gid":%s,"cgroups":"%s"}\\n' "$root" "$uid" "$gid" "$cgroups" >> "$home/log.jsonl"
cd "$root" && exec "$exec" --id "$id" "$@"
`;
