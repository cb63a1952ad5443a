import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@sovereign/guest';
import { eventually, type Absence } from '@sovereign/testkit';
import { freePort } from './free-port.ts';

const searchPath = '/usr/sbin:/sbin';

/** Whether there is an ssh server to start, and one to connect with. */
export function sshAbsence(): Absence {
  const missing = ['sshd', 'ssh', 'ssh-keygen'].find((name) => findProgram(name, searchPath) === undefined);
  if (missing !== undefined) return { isMissing: true, reason: `${missing} is not installed` };
  if (process.geteuid?.() !== 0) return { isMissing: true, reason: 'sshd is started as root only' };
  return { isMissing: false };
}

/**
 * The sshd of this host on a port of the loopback, with keys of its own, in namespaces of its own: it ends with all its
 * sessions at `close`, and also when the tests are killed.
 */
export class SshServer {
  readonly port: number;
  /** Who may log in, with `userKey`. */
  readonly user = userInfo().username;
  readonly userKey: string;
  readonly hostKey: string;
  readonly #logPath: string;
  readonly #listener: () => number | undefined;
  readonly #end: () => Promise<void>;

  private constructor(
    directory: string,
    port: number,
    listener: () => number | undefined,
    end: () => Promise<void>,
  ) {
    this.port = port;
    this.#listener = listener;
    this.userKey = join(directory, 'user_key');
    this.hostKey = join(directory, 'host_key');
    this.#logPath = join(directory, 'log');
    this.#end = end;
  }

  /** @param directory Made anew. */
  static async start(directory: string): Promise<SshServer> {
    mkdirSync(directory, { mode: 0o700 });
    for (const name of ['host_key', 'user_key']) makeKey(join(directory, name));
    const port = await freePort();
    const config = {
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: join(directory, 'host_key'),
      AuthorizedKeysFile: join(directory, 'user_key.pub'),
      PidFile: 'none',
      UsePAM: 'no',
      PasswordAuthentication: 'no',
      KbdInteractiveAuthentication: 'no',
      PermitRootLogin: 'prohibit-password',
      // Whoever may write to /tmp can do nothing in a directory of 0700 there.
      StrictModes: 'no',
      LogLevel: 'VERBOSE',
    };
    const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(join(directory, 'config'), lines.join(''));
    const argv = ['-D', '-f', join(directory, 'config'), '-E', join(directory, 'log')];
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private'],
        ...['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec'],
        'mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd; exec "$@"',
        ...['sh', findProgram('sshd', searchPath) ?? 'sshd', ...argv],
      ],
      { stdio: 'ignore', detached: true },
    );
    const ended = once(child, 'exit');
    // The first process of the namespace: whoever waits for it is told when all sessions have ended as well.
    const listener = (): number | undefined => childrenOf(child.pid)[0];
    const server = new SshServer(directory, port, listener, async () => {
      const first = listener();
      if (first === undefined) child.kill('SIGKILL');
      else process.kill(first, 'SIGKILL');
      await ended;
    });
    await eventually('sshd listens', () => isListening(port));
    return server;
  }

  /** What a user has written down of this server, as ssh writes it. */
  knownHosts(): string {
    return knownHost(this.port, this.hostKey);
  }

  /** How many have logged in. */
  logins(): number {
    return readFileSync(this.#logPath, 'utf8').split('Accepted publickey').length - 1;
  }

  /** Ends all sessions at once; new ones may begin. */
  endSessions(): void {
    for (const pid of childrenOf(this.#listener())) process.kill(pid, 'SIGKILL');
  }

  close(): Promise<void> {
    return this.#end();
  }
}

export function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path]);
}

/** The line of known_hosts that says that a port of the loopback has this key. */
export function knownHost(port: number, key: string): string {
  return `[127.0.0.1]:${port} ${readFileSync(`${key}.pub`, 'utf8')}`;
}

/** A directory whose `.ssh` has these files: the home of somebody who connects. */
export function sshHome(directory: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(join(directory, '.ssh'), { recursive: true, mode: 0o700 });
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(directory, '.ssh', file), content, { mode: 0o600 });
  return directory;
}

/** A configuration of ssh that offers this key and no other. */
export function sshConfig(key: string, ...more: readonly string[]): string {
  return [`IdentityFile ${key}`, 'IdentitiesOnly yes', ...more, ''].join('\n');
}

function childrenOf(pid: number | undefined): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
