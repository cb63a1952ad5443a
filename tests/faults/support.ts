import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { Sovereign, type CreateOptions, type Sandbox } from '@sovereign/sdk';
import { expectNothingLeft, leakSnapshot, within, type LeakScope } from '@sovereign/testkit';

const pythonPath = fileURLToPath(new URL('../../python', import.meta.url));

/** One home for sovereign, the clients on it, and the certainty that nothing of it is left. */
export class FaultScene {
  readonly home: string;
  readonly workspace: string;
  readonly #clients: Sovereign[] = [];
  readonly #children: Client[] = [];
  readonly #mounts: string[] = [];
  readonly #root: string;
  #hasLeftovers = false;

  private constructor(root: string) {
    this.#root = root;
    this.home = join(root, 'h');
    this.workspace = join(root, 'w');
  }

  /** Plays an act, clears away, and fails when anything is left that carries the mark of the scene. */
  static async play(act: (scene: FaultScene) => Promise<void>, goneWithinMs = 10_000): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), 'svf-'));
    await chmod(root, 0o755);
    const scene = new FaultScene(root);
    await mkdir(scene.home, { mode: 0o700 });
    await mkdir(scene.workspace);
    // Sandboxes of clients that died are known by the ledger; launchers carry PATH in their environment.
    const scope: LeakScope = { marks: () => [root, ...scene.sandboxIds()] };
    const path = process.env['PATH'];
    process.env['PATH'] = `${join(root, 'bin')}:${path ?? ''}`;
    const before = await leakSnapshot(scope);
    try {
      await act(scene);
      await scene.#clear();
      if (!scene.#hasLeftovers) await expectNothingLeft(before, scope, goneWithinMs);
    } finally {
      await scene.#clear();
      process.env['PATH'] = path;
      await rm(root, { recursive: true, force: true });
    }
  }

  /** A client in this process. */
  async client(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Sovereign> {
    const client = await Sovereign.open({ home: this.home, via: 'fault-test', env });
    this.#clients.push(client);
    return client;
  }

  async create(options: CreateOptions): Promise<Sandbox> {
    return (await this.client()).create(options);
  }

  /** A client in a process of its own. */
  async child(
    operation: string,
    options: object = {},
    env: Readonly<Record<string, string>> = {},
    /** A program, as argv, that executes the client. */
    wrapper: readonly string[] = [],
  ): Promise<Client> {
    const client = await Client.start(operation, options, { SOVEREIGN_HOME: this.home, ...env }, wrapper);
    this.#children.push(client);
    return client;
  }

  /** Every sandbox that anybody began to make in this home, as the ledger has it. */
  sandboxIds(): readonly string[] {
    const directory = join(this.home, 'ledger');
    const texts = listOrNothing(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
    return [...new Set(texts.flatMap((text) => text.match(/sbx_[0-9a-z]{12}/g) ?? []))];
  }

  /** Processes of the host that carry a mark of this scene, but not this test itself. */
  async marked(): Promise<readonly string[]> {
    return (await leakSnapshot({ marks: () => [this.#root, ...this.sandboxIds()] })).processes;
  }

  path(...names: readonly string[]): string {
    return join(this.#root, ...names);
  }

  /** A small file system of its own at a path below the scene; undefined where that needs rights we do not have. */
  async tmpfs(name: string, bytes: number): Promise<string | undefined> {
    const path = this.path(name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const made = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'svf', path]);
    if (made.status !== 0) return undefined;
    this.#mounts.push(path);
    return path;
  }

  /** Lets the next probe of quilt believe that it has tried this daemon already. */
  async trustProbe(shelldPath: string): Promise<void> {
    const path = join(this.home, 'state', 'images', 'probe-succeeded');
    const stamp = await readFile(path, 'utf8').catch(() => undefined);
    if (stamp === undefined) return;
    await writeFile(path, [...stamp.split(' ').slice(0, -1), statSync(shelldPath).mtimeMs].join(' '));
  }

  /** Writes a program. */
  async script(name: string, text: string): Promise<string> {
    const path = this.path(name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text, { mode: 0o755 });
    return path;
  }

  /** What below the home is neither made once and kept (images, Python, ledger) nor the scene's own. */
  async leftInState(): Promise<readonly string[]> {
    const below = async (...names: readonly string[]): Promise<readonly string[]> =>
      (await readdir(join(this.home, ...names)).catch(() => [])).map((name) => join(...names, name));
    const made = [
      ...(await below('state', 'quilt', 'sandboxes')),
      ...(await below('state', 'quilt', 'names')),
      ...(await below('run')),
      ...(await below('state', 'images')).filter((name) => name.includes('.of-')),
      ...(await below('state', 'python')).filter((name) => name.includes('.of-')),
    ];
    return made.toSorted();
  }

  /**
   * Fails unless what is left is what is said to be left by crashes, and unless the next create after its time sweeps it:
   * halves of creates and removes, names without sandbox, directories and sockets of dead clients.
   */
  async expectSwept(): Promise<void> {
    const sandboxes = join(this.home, 'state', 'quilt', 'sandboxes');
    for (const name of listOrNothing(sandboxes)) {
      if (!/^sbx_[0-9a-z]{12}\.(partial|removed)$/.test(name)) throw new Error(`left: ${name}`);
      // As if a minute had passed.
      await utimes(join(sandboxes, name), 1_000_000, 1_000_000);
    }
    for (const name of listOrNothing(join(this.home, 'run')))
      await utimes(join(this.home, 'run', name), 1_000_000, 1_000_000);
    const client = await this.client();
    await (await client.create({ tier: 'process', workspace: this.workspace })).remove();
    const quilt = await client.create({ tier: 'quilt', workspace: this.workspace }).catch(() => undefined);
    await quilt?.remove();
    const left = (await this.leftInState()).filter((name) => !name.startsWith('state/quilt/names/'));
    if (left.length > 0) throw new Error(`not swept: ${left.join(', ')}`);
  }

  async #clear(): Promise<void> {
    for (const child of this.#children.splice(0)) await child.kill();
    for (const client of this.#clients.splice(0)) {
      const { sandboxes } = await client.list().catch(() => ({ sandboxes: [] }));
      for (const { id } of sandboxes) {
        await client.remove(id).catch((error: unknown) => {
          this.#hasLeftovers = true;
          process.stderr.write(`not removed: ${id}: ${String(error)}\n`);
        });
      }
      await client.close().catch(() => undefined);
    }
    for (const mount of this.#mounts.splice(0)) spawnSync('umount', ['-l', mount]);
  }
}

function listOrNothing(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export interface ClientEvent {
  readonly event: string;
  readonly [fact: string]: unknown;
}

let bundle: Promise<string> | undefined;

/** The client, bundled once for each test process, so that it is up in 100 ms. */
function bundled(): Promise<string> {
  bundle ??= (async () => {
    const directory = await mkdtemp(join(tmpdir(), 'svc-'));
    const outfile = join(directory, 'client.mjs');
    const entry = fileURLToPath(new URL('client.ts', import.meta.url));
    // As a program: as a library esbuild leaves a service running.
    const bundling = [
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--conditions=@sovereign/source',
      // With native parts, and not used here.
      ...['docker-modem', 'tar-stream', '@balena/dockerignore'].map((name) => `--external:${name}`),
      '--log-level=error',
      // Optional speed-ups of a library, which does without them.
      '--loader:.node=empty',
      // Libraries that are CommonJS ask for modules of Node as they run.
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ];
    execFileSync(fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url)), [
      entry,
      ...bundling,
      `--outfile=${outfile}`,
    ]);
    const program = await readFile(outfile);
    await rm(directory, { recursive: true });
    return program.toString();
  })();
  return bundle;
}

/** A client in a process of its own: see client.ts. */
export class Client {
  readonly events: ClientEvent[] = [];
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  #wake: () => void = () => undefined;
  #stderr = '';

  private constructor(child: ChildProcess, script: string) {
    this.process = child;
    this.ended = once(child, 'exit');
    void this.ended.then(() => {
      this.#wake();
      return rm(script, { force: true });
    });
    child.stderr?.on('data', (data: Buffer) => (this.#stderr += data.toString()));
    if (child.stdout === null) throw new Error('no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as ClientEvent);
      this.#wake();
    });
  }

  static async start(
    operation: string,
    options: object,
    env: Readonly<Record<string, string>>,
    wrapper: readonly string[],
  ): Promise<Client> {
    const script = join(tmpdir(), `svc-${process.pid}-${Math.random().toString(36).slice(2)}.mjs`);
    await writeFile(script, await bundled(), { mode: 0o600 });
    const [program, ...args] = [...wrapper, process.execPath, script, operation, JSON.stringify(options)];
    const child = spawn(program, args, {
      env: { ...process.env, SOVEREIGN_SHELLD: findShelld(), SOVEREIGN_PYTHON: pythonPath, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => undefined);
    return new Client(child, script);
  }

  /** Waits for an event; fails when the client ends before. */
  async heard(name: string, deadlineMs = 30_000): Promise<ClientEvent> {
    const wait = async (): Promise<ClientEvent> => {
      for (;;) {
        const found = this.events.find(({ event }) => event === name);
        if (found !== undefined) return found;
        if (this.process.exitCode !== null || this.process.signalCode !== null)
          throw new Error(`the client ended before ${name}: ${JSON.stringify(this.events)} ${this.#stderr}`);
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    };
    return within(name, wait(), deadlineMs);
  }

  /** How it ended what it was told to do: `done`, or `failed` with its reason. */
  async result(deadlineMs = 30_000): Promise<ClientEvent> {
    await within('its end', this.ended, deadlineMs);
    const last = this.events.find(({ event }) => event === 'done' || event === 'failed');
    if (last === undefined) throw new Error(`no result: ${JSON.stringify(this.events)} ${this.#stderr}`);
    return last;
  }

  go(): void {
    this.process.stdin?.write('go\n');
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
