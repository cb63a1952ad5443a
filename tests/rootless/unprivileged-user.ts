import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findProgram, findShelld } from '@sovereign/guest';
import { expectNothingLeft, leakSnapshot, skipOrFail, type Skippable, within } from '@sovereign/testkit';
import { program } from '../cli/command.ts';
import { filesBelow } from './files-below.ts';

/** No user of any host. */
export const uid = 64_123;
const name = 'rootless';
/** Host ids that the user is granted: nobody else's, and those of an image's users are among them. */
export const subordinate = { first: 3_000_000, count: 65_536 } as const;
const range = `${name}:${subordinate.first}:${subordinate.count}\n`;

export interface UserOptions {
  /** What the user is without. Default: nothing of these. */
  readonly lacks?: readonly ('subuid' | 'subgid' | 'newuidmap')[];
  /** Kernel that microVMs boot. Default: none. */
  readonly kernelPath?: string;
}

export interface Said {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A user of this host without any rights, as the command line meets one: with a name, a home, and ranges of ids or none. The
 * host's own accounts are untouched: the user lives in a mount namespace in which others are bound over them.
 */
export class UnprivilegedUser {
  readonly #root: string;
  readonly #namespace: ChildProcess;
  readonly #hasKernel: boolean;

  private constructor(root: string, namespace: ChildProcess, options: UserOptions) {
    this.#root = root;
    this.#namespace = namespace;
    this.#hasKernel = options.kernelPath !== undefined;
  }

  /** Plays an act; fails when it leaves a process, a mount, or a file of anybody else in the user's home. */
  static async play(
    context: Skippable,
    options: UserOptions,
    act: (user: UnprivilegedUser) => Promise<void>,
  ): Promise<void> {
    requireHost(context);
    const root = await mkdtemp(join(tmpdir(), 'svr-'));
    const scope = { marks: () => [root] };
    const before = await leakSnapshot(scope);
    try {
      await chmod(root, 0o755);
      await copyProgram(root, options);
      for (const directory of ['h', 'w']) {
        await mkdir(join(root, directory), { mode: 0o700 });
        await chown(join(root, directory), uid, uid);
      }
      const namespace = await openNamespace(root, options);
      const user = new UnprivilegedUser(root, namespace, options);
      try {
        await act(user);
        await user.#expectNothingLeft();
      } catch (error) {
        await user.#clear();
        throw error;
      } finally {
        namespace.kill('SIGKILL');
        await once(namespace, 'exit');
      }
      await expectNothingLeft(before, scope, 15_000);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }

  async #expectNothingLeft(): Promise<void> {
    const sandboxes = await this.#sandboxes();
    if (sandboxes.length > 0) throw new Error(`sandboxes are left: ${sandboxes.join(', ')}`);
    const foreign = (await filesBelow(this.home)).filter((file) => file.uid !== uid);
    if (foreign.length > 0) throw new Error(`files of others: ${foreign.map(({ path }) => path).join(', ')}`);
  }

  /** Removes what an act has left that failed. */
  async #clear(): Promise<void> {
    const ids = await this.#sandboxes();
    if (ids.length > 0) await this.call('rm', '--force', ...ids);
  }

  async #sandboxes(): Promise<readonly string[]> {
    return (await this.call('ps', '--all', '--quiet')).stdout.split('\n').filter((id) => id !== '');
  }

  get home(): string {
    return join(this.#root, 'h');
  }

  get workspace(): string {
    return join(this.#root, 'w');
  }

  /** Grants the user ids after all, as the host's root would. */
  async grantIds(): Promise<void> {
    for (const file of ['subuid', 'subgid']) await writeFile(join(this.#root, 'etc', file), range);
  }

  /** Writes a file that the user can read. @returns its path */
  async file(fileName: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.#root, fileName);
    await writeFile(path, content, { mode: 0o644 });
    return path;
  }

  /** Writes a file of the user's in the workspace. */
  async write(fileName: string, content: string): Promise<void> {
    const path = join(this.workspace, fileName);
    await writeFile(path, content);
    await chown(path, uid, uid);
  }

  /** Runs `sovereign` as the user. */
  async call(...words: readonly string[]): Promise<Said> {
    const child = spawn(
      'nsenter',
      [
        `--mount=/proc/${this.#namespace.pid ?? 0}/ns/mnt`,
        ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all'],
        ...[process.execPath, join(this.#root, 'program', 'sovereign.cjs'), ...words],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          // Launchers carry it in their environment, by which what they leave is known.
          PATH: `${join(this.#root, 'bin')}:${process.env['PATH'] ?? ''}`,
          HOME: this.home,
          SOVEREIGN_HOME: this.home,
          SOVEREIGN_SHELLD: join(this.#root, 'program', 'shelld'),
          ...(this.#hasKernel && { SOVEREIGN_MICROVM_KERNEL: join(this.#root, 'program', 'kernel') }),
        },
      },
    );
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (data: Buffer) => (said[stream] += data.toString()));
    try {
      const [exitCode] = await within(`sovereign ${words.join(' ')}`, once(child, 'close'), 120_000);
      return { exitCode: exitCode as number | null, ...said };
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** The same, of a call that works. @returns what it printed, without the last line break */
  async does(...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.call(...words);
    if (exitCode !== 0)
      throw new Error(`sovereign ${words.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`);
    return stdout.replace(/\n$/, '');
  }

  /** Runs a script by `sh` after those words, such as `exec dev`. @returns the lines of what it printed */
  async sh(words: readonly string[], script: string): Promise<readonly string[]> {
    return (await this.does(...words, '--', 'sh', '-c', script)).split('\n');
  }

  /** The same, of a call that is refused. @returns the error */
  async isRefused(...words: readonly string[]): Promise<{ reason: string; message: string; hint: string }> {
    const { exitCode, stdout } = await this.call(...words, '--json');
    if (exitCode === 0) throw new Error(`sovereign ${words.join(' ')} was not refused: ${stdout}`);
    return (JSON.parse(stdout) as { error: { reason: string; message: string; hint: string } }).error;
  }
}

function requireHost(context: Skippable): void {
  if (process.geteuid?.() !== 0) skipOrFail(context, 'root', 'only root can become somebody else');
  if (!existsSync(program)) throw new Error(`${program} is not there. Run \`npm run build\` first.`);
  for (const [need, tool] of [
    ['busybox', 'busybox'],
    ['uidmap', 'newuidmap'],
    ['uidmap', 'newgidmap'],
  ] as const)
    if (findProgram(tool) === undefined) skipOrFail(context, need, `${tool} is not installed`);
}

/** The command line as it is shipped, and the guest daemon, where every user may read them. */
async function copyProgram(root: string, { kernelPath }: UserOptions): Promise<void> {
  const target = join(root, 'program');
  await mkdir(target);
  const shipped = (await readdir(dirname(program))).filter((file) => /\.(cjs|cache)$/.test(file));
  for (const file of shipped) await copyFile(join(dirname(program), file), join(target, file));
  await copyFile(findShelld(), join(target, 'shelld'));
  await chmod(join(target, 'shelld'), 0o755);
  if (kernelPath !== undefined) await copyFile(kernelPath, join(target, 'kernel'));
}

/** A process that holds a mount namespace in which the host's accounts are those of the user and of the host's programs. */
async function openNamespace(root: string, { lacks = [] }: UserOptions): Promise<ChildProcess> {
  const accounts = join(root, 'etc');
  await mkdir(accounts);
  const passwd = `${await readFile('/etc/passwd', 'utf8')}${name}:x:${uid}:${uid}::${join(root, 'h')}:/bin/sh\n`;
  const files = {
    '/etc/passwd': passwd,
    '/etc/subuid': lacks.includes('subuid') ? '' : range,
    '/etc/subgid': lacks.includes('subgid') ? '' : range,
    ...(lacks.includes('newuidmap') && { [findProgram('newuidmap') ?? '']: '' }),
  };
  for (const [path, text] of Object.entries(files))
    await writeFile(join(accounts, basename(path)), text, { mode: 0o644 });
  // With its stdin ends whatever holds the namespace.
  const script = `for path; do mount --bind "$0/\${path##*/}" "$path" || exit 1; done; echo ready; exec cat`;
  const namespace = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, accounts, ...Object.keys(files)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await within('the mount namespace', once(namespace.stdout, 'data'), 10_000);
  return namespace;
}
