import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { ByteStream, SandboxId } from '@sovereign/core';
import { connectUnixSocket } from '@sovereign/guest';
import type { MountCheck } from './workspace-binds.ts';

/** `O_PATH` of Linux (open(2)), which Node does not name: a descriptor that names a file without opening it. */
const pathOnly = 0o10_000_000;
const socketName = 'shelld.sock';
const checksName = 'mounts';

/** The directory that a guest shares with us for its socket. The guest's root may write to it: all in it is hostile. */
export class GuestPlace {
  /** Directory on the host, mounted at `guestPlacePath`. */
  readonly path: string;
  readonly #home: string;

  constructor(stateDirectory: string, id: SandboxId) {
    this.#home = join(stateDirectory, 'guests', id);
    this.path = join(this.#home, 'io');
  }

  /**
   * Makes it anew, empty. A guest that was started before may have put anything there.
   *
   * @param checks mounts that shelld compares before it serves (ADR 0010).
   */
  prepare(checks: readonly MountCheck[], owner: { readonly uid: number; readonly gid: number }): void {
    this.remove();
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const lines = checks.map(({ device, inode, target }) => `${device} ${inode} ${target}\n`);
    writeFileSync(join(this.path, checksName), lines.join(''), { mode: 0o600, flag: 'wx' });
    if (process.geteuid?.() !== 0 || owner.uid === 0) return;
    for (const path of [this.path, join(this.path, checksName)]) chownSync(path, owner.uid, owner.gid);
  }

  hasSocket(): boolean {
    return existsSync(join(this.path, socketName));
  }

  /**
   * Connects to the guest's shelld.
   *
   * SAFETY: the guest can replace its socket by a link to another one of this host, such as the engine's own. The name is
   * opened without following links, has to be a socket, and is connected to by its descriptor, so that there is no moment
   * between. Held by tests/docker (`a socket that is a link`).
   */
  async connect(signal?: AbortSignal): Promise<ByteStream> {
    const path = join(this.path, socketName);
    const descriptor = openSocket(path);
    try {
      if (!fstatSync(descriptor).isSocket()) throw notSocket(path);
      return await connectUnixSocket(`/proc/self/fd/${descriptor}`, signal === undefined ? {} : { signal });
    } finally {
      closeSync(descriptor);
    }
  }

  remove(): void {
    try {
      rmSync(this.#home, { recursive: true, force: true });
    } catch {
      // Names too deep for one path, made by a guest: rm descends step by step.
      spawnSync('rm', ['-rf', '--', this.#home], { stdio: 'ignore' });
      if (!existsSync(this.#home)) return;
      throw new SovereignError({
        reason: 'sandbox.remove-failed',
        message: `The directory of the sandbox cannot be deleted: ${this.#home}.`,
        hint: 'Delete it as the user that owns what is in it.',
        context: { path: this.#home },
      });
    }
  }
}

function openSocket(path: string): number {
  try {
    return openSync(path, pathOnly | constants.O_NOFOLLOW);
  } catch (error) {
    throw new SovereignError({
      reason: 'channel.closed',
      message: `The socket of the guest cannot be opened: ${path} (${error instanceof Error ? error.message : 'unknown error'}).`,
      hint: 'Its own commands may have removed it: stop the sandbox and start it again.',
      context: { path },
      cause: error,
    });
  }
}

/** Where that directory is inside. */
export const guestPlacePath = '/run/sovereign/io';
export const guestSocketPath = '/run/sovereign/io/shelld.sock';
export const guestChecksPath = '/run/sovereign/io/mounts';

function notSocket(path: string): SovereignError {
  return new SovereignError({
    reason: 'channel.closed',
    message: `What the guest put in place of its socket is none: ${path}.`,
    hint: 'The guest tampers with its channel: remove the sandbox.',
    context: { path },
  });
}
