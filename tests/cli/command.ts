import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { within } from '@sovereign/testkit';

const dist = fileURLToPath(new URL('../../packages/cli/dist', import.meta.url));

/** The program as it is shipped. */
export const program: string = join(dist, 'sovereign.cjs');

/** What the build puts before it on this host; it needs no Node to be named. */
export const launcher: string = join(dist, 'sovereign');

/** What a person's call of `sovereign` runs. */
export const command: readonly [string, ...string[]] = existsSync(launcher)
  ? [launcher]
  : [process.execPath, program];

/** What a call printed, and how it ended. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: what a person's call runs. */
  readonly command?: readonly [string, ...string[]];
}

/** A call that is on its way. */
export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** What was printed so far. */
  stdout(): string;
  readonly ended: Promise<Ended>;
}

/** The command line with a home and a workspace of its own. */
export class CommandLine {
  readonly home: string;
  readonly workspace: string;

  private constructor(root: string) {
    this.home = join(root, 'h');
    this.workspace = join(root, 'w');
  }

  static async create(): Promise<CommandLine> {
    if (!existsSync(program)) throw new Error(`${program} is not there. Run \`npm run build\` first.`);
    const line = new CommandLine(await mkdtemp(join(tmpdir(), 'svc-')));
    await mkdir(line.workspace);
    return line;
  }

  start(words: readonly string[], options: CallOptions = {}): Running {
    const env: NodeJS.ProcessEnv = { ...process.env, SOVEREIGN_HOME: this.home, ...options.env };
    delete env['NODE_EXTRA_CA_CERTS'];
    const [executable, ...args] = options.command ?? command;
    const child = spawn(executable, [...args, ...words], {
      cwd: options.cwd ?? this.workspace,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (chunk: Buffer) => said.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => said.stderr.push(chunk));
    // A command that ends early takes no more input.
    child.stdin.on('error', () => undefined);
    if (options.input !== undefined) child.stdin.end(options.input);
    const text = (stream: 'stdout' | 'stderr') => Buffer.concat(said[stream]).toString('latin1');
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode, signal) =>
        resolve({ exitCode, signal, stdout: text('stdout'), stderr: text('stderr') }),
      );
    });
    return { child, stdout: () => text('stdout'), ended };
  }

  /** Runs a call to its end, with empty stdin unless said otherwise. */
  call(words: readonly string[], options: CallOptions = {}): Promise<Ended> {
    const running = this.start(words, { input: '', ...options });
    return within(`sovereign ${words.join(' ')}`, running.ended, 30_000);
  }

  /** Runs a call with --json and reads what it printed. @throws Error when it failed. */
  async json(words: readonly string[], options: CallOptions = {}): Promise<Record<string, unknown>> {
    const at = words.indexOf('--');
    const all = at === -1 ? [...words, '--json'] : [...words.slice(0, at), '--json', ...words.slice(at)];
    const { stdout, stderr } = await this.call(all, options);
    if (stdout === '') throw new Error(`sovereign ${words.join(' ')} printed nothing: ${stderr}`);
    return JSON.parse(Buffer.from(stdout, 'latin1').toString('utf8')) as Record<string, unknown>;
  }

  /** Everything that sandboxes have left in the home: state, names, sockets. */
  async leftovers(): Promise<readonly string[]> {
    const places = ['state/quilt/sandboxes', 'state/quilt/names', 'run'];
    const found = await Promise.all(places.map((place) => readdir(join(this.home, place)).catch(() => [])));
    return found.flat();
  }

  async dispose(): Promise<void> {
    const { stdout } = await this.call(['ps', '-aq']);
    const ids = stdout.split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.call(['rm', '--force', ...ids]);
    await rm(join(this.home, '..'), { recursive: true, force: true });
  }
}
