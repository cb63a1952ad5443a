import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerSandboxBackend, type DockerSandboxOptions } from '@sovereign/backends';
import type { Backend, Guest, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel, findProgram, findShelld } from '@sovereign/guest';
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

/** What the published interface cannot be acted out without. */
export function absenceOfFake(): Absence {
  if (process.platform !== 'linux') return { isMissing: true, reason: 'Linux only' };
  for (const program of ['bwrap', 'nsenter'])
    if (findProgram(program) === undefined) return { isMissing: true, reason: `${program} is not installed` };
  return { isMissing: false };
}

export interface LoggedCall {
  readonly argv: readonly string[];
  /** Names of its environment. */
  readonly env: readonly string[];
  readonly pid: number;
}

/** Builds the acted-out program into a directory, under a name that says which of the two it is. */
export async function buildFake(directory: string, name: 'sbx' | 'docker' = 'sbx'): Promise<string> {
  const path = join(directory, name);
  await mkdir(directory, { recursive: true });
  await buildActedProgram(new URL('fake-program.ts', import.meta.url), path);
  return path;
}

/** One Docker Sandboxes that is acted out, backends on it, and the certainty that nothing of both is left. */
export class DockerSandboxScene {
  readonly specs: SandboxSpec[] = [];
  readonly program: string;
  readonly #root: string;
  readonly #backends: Backend[] = [];

  private constructor(root: string, program: string) {
    this.#root = root;
    this.program = program;
  }

  static async begin(name: 'sbx' | 'docker' = 'sbx'): Promise<DockerSandboxScene> {
    const root = await mkdtemp(join(tmpdir(), 'svds-'));
    await mkdir(join(root, 'state'), { mode: 0o700 });
    return new DockerSandboxScene(root, await buildFake(join(root, 'program'), name));
  }

  static async play(
    act: (scene: DockerSandboxScene) => Promise<void>,
    name: 'sbx' | 'docker' = 'sbx',
  ): Promise<void> {
    const scene = await DockerSandboxScene.begin(name);
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

  path(...names: readonly string[]): string {
    return join(this.#root, ...names);
  }

  /** A backend; another one on the same directory is what a process after ours would have. */
  backend(options: Partial<DockerSandboxOptions> = {}): Backend {
    const backend = createDockerSandboxBackend({
      stateDirectory: this.path('state'),
      shelldPath: findShelld(),
      programPath: this.program,
      programKind: this.program.endsWith('docker') ? 'plugin' : 'sbx',
      ...options,
    });
    this.#backends.push(backend);
    return backend;
  }

  spec(overrides: Partial<SandboxSpec> = {}): SandboxSpec {
    const spec = sandboxSpecForTest(overrides);
    this.specs.push(spec);
    return spec;
  }

  create(backend: Backend, overrides: Partial<SandboxSpec> = {}): Promise<Guest> {
    return backend.create(this.spec(overrides));
  }

  async workspace(): Promise<string> {
    const path = this.path('workspace');
    await mkdir(path);
    return path;
  }

  /** One command in a guest, over a connection of its own. */
  async run(guest: Guest, command: string, ...args: readonly string[]): Promise<Ran> {
    const channel = connectGuestChannel(await guest.connect());
    try {
      return await collect(
        channel.exec({ command, args, cwd: guest.workspacePath, env: environmentOf(guest) }),
      );
    } finally {
      await channel.close();
    }
  }

  /** What goes wrong from now on, at command lines that match. */
  async fail(
    at?: string,
    how?: 'fail' | 'late' | 'hang' | 'hang-late' | 'rubbish' | 'endless' | 'ignore' | 'zero',
  ): Promise<void> {
    await writeFile(this.path('program', 'faults.json'), JSON.stringify({ at, how }));
  }

  /** How the host is set up. */
  async set(setting: {
    readonly isSignedIn?: boolean;
    readonly policy?: 'allow-all' | 'balanced' | 'deny-all' | null;
    readonly architecture?: string;
  }): Promise<void> {
    await writeFile(this.path('program', 'setting.json'), JSON.stringify(setting));
  }

  /** Names of the machines that the program holds. */
  async machines(): Promise<readonly string[]> {
    return readdir(this.path('program', 'machines')).catch(() => []);
  }

  /** The program as a person runs it. */
  async byHand(...argv: readonly string[]): Promise<void> {
    await promisify(execFile)(this.program, argv);
  }

  /** Somebody lifts what is denied to the machines. */
  async lift(): Promise<void> {
    for (const name of await this.machines()) {
      const path = this.path('program', 'machines', name, 'facts.json');
      const facts = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...facts, denied: [] }));
    }
  }

  /** Calls of the program that have not ended, without those in which a shelld is served. */
  async running(): Promise<readonly string[]> {
    const calls = await Promise.all(
      (await readdir('/proc'))
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return calls.filter((line) => line.includes(`${this.program}\0`) && !line.includes('\0serve\0'));
  }

  /** What the program was asked, in order. */
  async log(): Promise<readonly LoggedCall[]> {
    const text = await readFile(this.path('program', 'log.jsonl'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LoggedCall);
  }

  /** A shelld that is of another processor than this one by its header. */
  async foreignShelld(): Promise<string> {
    const path = this.path('foreign-shelld');
    await copyFile(findShelld(), path);
    const bytes = await readFile(path);
    bytes.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
    await writeFile(path, bytes);
    return path;
  }

  async dispose(): Promise<void> {
    await this.#clear();
    await rm(this.#root, { recursive: true, force: true });
  }

  async #clear(): Promise<void> {
    await this.fail();
    await this.set({});
    const [first] = this.#backends;
    for (const { id } of (await first?.list()) ?? []) await (await first?.attach(id))?.remove();
    for (const leftover of (await first?.sweeper?.leftovers()) ?? []) await first?.sweeper?.sweep(leftover);
    for (const backend of this.#backends) await backend.close();
  }
}
