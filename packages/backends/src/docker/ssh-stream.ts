import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { findProgram } from '@sovereign/guest';
import type { EngineSearch, SshAddress } from './engine-address.ts';
import { sshArguments, sshEnvironment } from './ssh-command.ts';
import { sshFailure, sshMissing } from './ssh-failure.ts';

const maxPrintedBytes = 8_192;

/**
 * One connection to an engine over there: the streams of the user's own `ssh`, which knows keys, agents, jump hosts and
 * known_hosts as the user has set them up (ADR 0010). It ends with the stream, and keeps no process of ours alive.
 *
 * Errors: `engine.untrusted` for a host key that is unknown or another; `engine.unavailable` for whatever else ended ssh
 * before the engine answered.
 */
export function openSshStream(address: SshAddress, search: EngineSearch): Duplex {
  return new SshStream(address, search);
}

class SshStream extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #printed = '';
  #hasAnswered = false;

  constructor(address: SshAddress, search: EngineSearch) {
    super({ allowHalfOpen: false });
    const program = findProgram('ssh', search.env['PATH']);
    this.#child = spawn(program ?? 'ssh', sshArguments(address, search), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: sshEnvironment(search.env),
    });
    const { stdin, stdout, stderr } = this.#child;
    // Whether they got through is told by how it ends.
    stdin.on('error', () => undefined);
    stdout.on('error', () => undefined);
    stderr.on('error', () => undefined);
    stdout.on('data', (bytes: Buffer) => {
      this.#hasAnswered = true;
      if (!this.push(bytes)) stdout.pause();
    });
    stderr.on('data', (bytes: Buffer) => {
      if (this.#printed.length < maxPrintedBytes) this.#printed += bytes.toString('utf8');
    });
    this.#child.once('error', () => this.destroy(sshMissing(address)));
    // After both streams have ended: why it ended is known by then.
    this.#child.once('close', (exitCode) => {
      if (this.#hasAnswered || exitCode === 0) this.push(null);
      else this.destroy(sshFailure(address, exitCode, this.#printed));
    });
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    const { stdin } = this.#child;
    // Of a stream that is destroyed already, as that of an ssh that has ended, `end` never calls back; this one would
    // stay half open, and a pool of connections would hand it out.
    if (stdin.destroyed) done();
    else stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill('SIGKILL');
    done(error);
  }

  /** Of the sockets that a pool of connections keeps; ssh has its own (`ServerAliveInterval`). */
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    this.#child.ref();
    return this;
  }

  unref(): this {
    this.#child.unref();
    return this;
  }
}
