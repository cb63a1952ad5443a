import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

export interface MachineFacts {
  readonly name: string;
  readonly id: string;
  readonly workspaces: readonly string[];
  readonly template: string;
  readonly memory: string;
  readonly cpus: string;
  /** Resources that this sandbox is denied. */
  readonly denied: readonly string[];
  /** First process of the machine, as the host counts. */
  readonly pid: number | null;
}

/**
 * A machine of the acted-out Docker Sandboxes: namespaces of its own, a `/run`, `/etc`, `/tmp` and `/root` that are kept, and
 * the workspaces where they are on the host. Its kernel is the host's, and says another boot id.
 */
export class FakeMachine {
  readonly directory: string;

  constructor(root: string, name: string) {
    this.directory = join(root, name);
  }

  get isThere(): boolean {
    return existsSync(join(this.directory, 'facts.json'));
  }

  get facts(): MachineFacts {
    return JSON.parse(readFileSync(join(this.directory, 'facts.json'), 'utf8')) as MachineFacts;
  }

  get isRunning(): boolean {
    const { pid } = this.facts;
    return pid !== null && isOurs(pid, this.directory);
  }

  make(facts: Omit<MachineFacts, 'pid' | 'denied' | 'id'>, architecture: string | undefined): void {
    for (const name of ['etc', 'run', 'tmp', 'root', 'sessions'])
      mkdirSync(join(this.directory, name), { recursive: true });
    writeFileSync(join(this.directory, 'etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\n');
    writeFileSync(join(this.directory, 'etc', 'hosts'), '127.0.0.1 localhost\n');
    writeFileSync(join(this.directory, 'boot_id'), `${randomUUID()}\n`);
    const uname = `#!/bin/sh\necho Linux ${architecture ?? process.arch.replace('x64', 'x86_64').replace('arm64', 'aarch64')}\n`;
    writeFileSync(join(this.directory, 'uname'), uname, { mode: 0o755 });
    this.write({ ...facts, id: randomUUID(), denied: [], pid: null });
  }

  deny(resource: string): void {
    this.write({ ...this.facts, denied: [...this.facts.denied, resource] });
  }

  async boot(): Promise<number> {
    return this.locked(async () => {
      const { facts } = this;
      if (facts.pid !== null && this.isRunning) return facts.pid;
      const pid = await this.#start(facts);
      this.write({ ...this.facts, pid });
      return pid;
    });
  }

  /** Runs a command inside, with our streams; the machine stops when nobody has one running any more. */
  async exec(
    argv: readonly string[],
    how: { readonly directory: string; readonly hasStdin: boolean },
  ): Promise<number> {
    const session = join(this.directory, 'sessions', String(process.pid));
    writeFileSync(session, '');
    const pid = await this.boot();
    const child = spawn(
      'nsenter',
      [
        ...[
          '--target',
          String(pid),
          '--user',
          '--preserve-credentials',
          '--mount',
          '--pid',
          '--ipc',
          '--uts',
          '--net',
        ],
        ...[
          '/usr/bin/env',
          '-i',
          'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
          'HOME=/root',
          'HTTPS_PROXY=http://proxy:3128',
        ],
        ...['/bin/sh', '-c', 'cd "$0" && exec "$@"', how.directory, ...argv],
      ],
      { stdio: [how.hasStdin ? 'inherit' : 'ignore', 'inherit', 'inherit'] },
    );
    const code = await new Promise<number>((resolve) => {
      child.once('error', () => resolve(126));
      child.once('exit', (exitCode) => resolve(exitCode ?? 137));
    });
    rmSync(session, { force: true });
    if (this.isThere) await this.stop({ onlyIdle: true });
    return code;
  }

  async stop(how: { readonly onlyIdle: boolean }): Promise<void> {
    await this.locked(async () => {
      if (!this.isThere || (how.onlyIdle && this.#hasSessions())) return;
      const { pid } = this.facts;
      if (pid === null) return;
      await end(pid, this.directory);
      this.write({ ...this.facts, pid: null });
    });
  }

  async remove(): Promise<void> {
    await this.stop({ onlyIdle: false });
    renameSync(this.directory, `${this.directory}.removed`);
    // What guests make may be too deep for one path.
    execFileSync('rm', ['-rf', '--', `${this.directory}.removed`]);
  }

  write(facts: MachineFacts): void {
    const path = join(this.directory, 'facts.json');
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(facts));
    renameSync(`${path}.${process.pid}`, path);
  }

  /** A link that names its owner, so that one left by a killed program is taken over. */
  async locked<T>(act: () => Promise<T>): Promise<T> {
    const lock = join(this.directory, 'lock');
    for (;;) {
      try {
        symlinkSync(String(process.pid), lock);
        break;
      } catch {
        if (!existsSync(this.directory)) throw new Error('the sandbox is gone');
        takeAbandoned(lock);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    try {
      return await act();
    } finally {
      rmSync(lock, { force: true });
    }
  }

  #hasSessions(): boolean {
    return readdirSync(join(this.directory, 'sessions')).some((pid) => existsSync(`/proc/${pid}`));
  }

  #start({ name, workspaces }: MachineFacts): Promise<number> {
    const own = (inner: string): string => join(this.directory, inner);
    const child = spawn(
      'bwrap',
      [
        ...['--unshare-user', '--uid', '0', '--gid', '0', '--unshare-pid', '--unshare-ipc', '--unshare-net'],
        ...['--unshare-uts', '--hostname', name, '--ro-bind', '/usr', '/usr'],
        ...['bin', 'sbin', 'lib', 'lib64'].flatMap((link) =>
          existsSync(`/usr/${link}`) ? ['--symlink', `usr/${link}`, `/${link}`] : [],
        ),
        ...['etc', 'run', 'tmp', 'root'].flatMap((inner) => ['--bind', own(inner), `/${inner}`]),
        ...[
          '--proc',
          '/proc',
          '--ro-bind',
          own('boot_id'),
          '/proc/sys/kernel/random/boot_id',
          '--dev',
          '/dev',
        ],
        ...['--ro-bind', own('uname'), '/usr/bin/uname'],
        ...workspaces.flatMap((path) =>
          path.endsWith(':ro') ? ['--ro-bind', path.slice(0, -3), path.slice(0, -3)] : ['--bind', path, path],
        ),
        ...['--chdir', '/', '--info-fd', '3', 'sh', '-c', 'echo up; exec sleep infinity >/dev/null'],
      ],
      {
        stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
        detached: true,
        env: { PATH: process.env['PATH'] ?? '' },
      },
    );
    child.unref();
    return new Promise((resolve, reject) => {
      let [info, said] = ['', ''];
      const look = (): void => {
        const pid = /"child-pid": (\d+)/.exec(info)?.[1];
        // The number is told before the machine has its mounts.
        if (pid !== undefined && said.startsWith('up')) resolve(Number(pid));
      };
      child.once('exit', (code) => reject(new Error(`the machine did not boot: ${code}`)));
      child.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
        look();
      });
      child.stdio[3]?.on('data', (chunk: Buffer) => {
        info += chunk.toString('utf8');
        look();
      });
    });
  }
}

/** Kills the machine, and all that was started of it and not written down when its program was killed. */
async function end(pid: number, directory: string): Promise<void> {
  spawnSync('kill', ['-KILL', String(pid)]);
  while (isOurs(pid, directory)) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Whether that process is the first of the machine: a pid comes back. */
function isOurs(pid: number, directory: string): boolean {
  try {
    const isZombie = /^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return !isZombie && readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(directory);
  } catch {
    return false;
  }
}

function takeAbandoned(lock: string): void {
  try {
    if (existsSync(`/proc/${readlinkSync(lock)}`)) return;
    const aside = `${lock}.${process.pid}`;
    renameSync(lock, aside);
    const owner = readlinkSync(aside);
    rmSync(aside);
    // Another was quicker, and holds it by now.
    if (existsSync(`/proc/${owner}`)) symlinkSync(owner, lock);
  } catch {
    // It was given back meanwhile.
  }
}
