import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  checkGuestPath,
  checkWhole,
  isAlive,
  type ProcessIdentity,
  type SandboxId,
  type VolumeMount,
  type VolumeRecord,
  type Volumes,
} from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { withFileLock } from '../file-lock.ts';
import { attachedVolumes, writeAttachedVolumes } from './attached-volumes.ts';
import { makeVolumeImage, minVolumeBytes } from './volume-image.ts';
import { VolumeStore } from './volume-store.ts';

/** What a guest's root is made of, and no volume may cover. */
const reservedPaths = ['/proc', '/sys', '/dev', '/run/sovereign', '/etc/hosts'] as const;
const maxVolumes = 64;

/** Named directories of quilt. Who uses one is read from the sandboxes, so that no crash leaves a false count. */
export class QuiltVolumes implements Volumes {
  readonly store: VolumeStore;
  readonly #host: EngineHost;

  constructor(host: EngineHost) {
    this.#host = host;
    this.store = new VolumeStore(host.directory);
  }

  async create(
    name: string,
    options: { readonly sizeBytes?: number; readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<VolumeRecord> {
    const { sizeBytes } = options;
    if (sizeBytes !== undefined) checkWhole('sizeBytes', sizeBytes, { min: minVolumeBytes, max: 2 ** 44 });
    const file = { sizeBytes: sizeBytes ?? null, createdMs: Date.now(), labels: options.labels ?? {} };
    await this.store.add(name, file, async (partial) => {
      if (sizeBytes === undefined) mkdirSync(join(partial, 'data'), { mode: 0o755 });
      else await makeVolumeImage(join(partial, 'data.img'), sizeBytes, this.#host.helper);
    });
    return { name, ...file, users: [] };
  }

  inspect(name: string): Promise<VolumeRecord> {
    return Promise.resolve().then(() => this.#record(name, this.#users()));
  }

  list(): Promise<readonly VolumeRecord[]> {
    const users = this.#users();
    return Promise.resolve().then(() => this.store.names().map((name) => this.#record(name, users)));
  }

  async remove(name: string): Promise<void> {
    this.store.read(name);
    const aside = await this.#locked(() => {
      const [user] = this.#record(name, this.#users()).users;
      if (user !== undefined) throw inUse(name, user);
      return Promise.resolve(this.store.putAside(name));
    });
    await this.#delete(aside);
  }

  async attach(sandbox: SandboxId, mount: VolumeMount): Promise<void> {
    checkMount(mount, this.#host.workspacePath(sandbox));
    await this.#locked(async () => {
      const before = attachedVolumes(this.#host.state, sandbox);
      const source = this.store.source(mount.volume);
      checkFree(before, mount);
      const guest = this.#running(sandbox);
      // Written first: of a crash in between remains a volume that is in use, and never a mount that nobody knows of.
      writeAttachedVolumes(this.#host.state, sandbox, [...before, mount]);
      if (guest === undefined) return;
      try {
        await this.#host.visitor.mount(guest, source, mountOptions(mount));
      } catch (error) {
        writeAttachedVolumes(this.#host.state, sandbox, before);
        throw error;
      }
    });
  }

  async detach(sandbox: SandboxId, guestPath: string): Promise<void> {
    await this.#locked(async () => {
      const before = attachedVolumes(this.#host.state, sandbox);
      const mount = before.find((item) => item.guestPath === guestPath);
      if (mount === undefined) throw notAttached(sandbox, guestPath);
      const guest = this.#running(sandbox);
      if (guest !== undefined) await this.#unmount(guest, sandbox, mount);
      writeAttachedVolumes(
        this.#host.state,
        sandbox,
        before.filter((item) => item !== mount),
      );
    });
  }

  /** Checks the volumes of a new sandbox. @throws SovereignError `volume.not-found`, `argument.invalid` */
  check(mounts: readonly VolumeMount[], workspacePath: string): void {
    for (const [index, mount] of mounts.entries()) {
      checkMount(mount, workspacePath);
      checkFree(mounts.slice(0, index), mount);
      this.store.read(mount.volume);
    }
  }

  /** Mounts what a sandbox has in its guest, which has just come up. */
  async mountAll(sandbox: SandboxId, guest: ProcessIdentity): Promise<void> {
    const mounts = attachedVolumes(this.#host.state, sandbox);
    // A volume at /a has to be there before one at /a/b.
    for (const mount of mounts.toSorted((one, other) => one.guestPath.length - other.guestPath.length))
      await this.#host.visitor.mount(guest, this.store.source(mount.volume), mountOptions(mount));
  }

  /** Volumes that should be in a guest that runs and are not: what a crash in the middle of attach or detach leaves. */
  missing(sandbox: SandboxId): readonly VolumeMount[] {
    const guest = this.#running(sandbox);
    if (guest === undefined) return [];
    const mounted = mountPoints(guest.pid);
    // Of a guest that ends at this moment nothing is missing.
    if (mounted === undefined) return [];
    return attachedVolumes(this.#host.state, sandbox).filter(({ guestPath }) => !mounted.has(guestPath));
  }

  /** Forgets one of those. */
  async forget(sandbox: SandboxId, guestPath: string): Promise<void> {
    await this.#locked(() => {
      if (this.missing(sandbox).some((mount) => mount.guestPath === guestPath)) {
        const kept = attachedVolumes(this.#host.state, sandbox).filter(
          (mount) => mount.guestPath !== guestPath,
        );
        writeAttachedVolumes(this.#host.state, sandbox, kept);
      }
      return Promise.resolve();
    });
  }

  async #unmount(guest: ProcessIdentity, sandbox: SandboxId, mount: VolumeMount): Promise<void> {
    const source = this.store.source(mount.volume);
    const outcome = await this.#host.visitor.unmount(guest, source, mount.guestPath);
    if (outcome === 'busy') throw busy(sandbox, mount);
    if (outcome === 'notThere' && mountPoints(guest.pid)?.has(mount.guestPath) === true)
      throw moved(sandbox, mount);
  }

  async #delete(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await this.#host.emptyAsGuest(path);
      await rm(path, { recursive: true, force: true });
    }
  }

  #record(name: string, users: ReadonlyMap<string, readonly SandboxId[]>): VolumeRecord {
    return { name, ...this.store.read(name), users: users.get(name) ?? [] };
  }

  #users(): ReadonlyMap<string, readonly SandboxId[]> {
    const users = new Map<string, SandboxId[]>();
    for (const id of this.#host.state.ids()) {
      for (const volume of new Set(this.#mountsOf(id).map((mount) => mount.volume)))
        users.set(volume, [...(users.get(volume) ?? []), id]);
    }
    return users;
  }

  /** A sandbox whose state cannot be read uses nothing that anybody knows of. */
  #mountsOf(id: SandboxId): readonly VolumeMount[] {
    try {
      return attachedVolumes(this.#host.state, id);
    } catch (error) {
      if (error instanceof SovereignError) return [];
      throw error;
    }
  }

  #running(sandbox: SandboxId): ProcessIdentity | undefined {
    const guest = this.#host.state.readGuest(sandbox);
    return guest !== undefined && isAlive(guest) ? guest : undefined;
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    mkdirSync(this.store.directory, { recursive: true, mode: 0o700 });
    return withFileLock(join(this.#host.directory, 'volumes.lock'), work);
  }
}

function mountOptions(mount: VolumeMount): { readonly target: string; readonly isReadOnly: boolean } {
  return { target: mount.guestPath, isReadOnly: mount.isReadOnly === true };
}

/** Where things are mounted in a guest, as its own root sees them; undefined once it is ending (EINVAL) or gone. */
function mountPoints(pid: number): ReadonlySet<string> | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
    return new Set(lines.map((line) => unescape(line.split(' ')[4] ?? '')));
  } catch (error) {
    if (['EINVAL', 'ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Blanks and backslashes are octal there (proc_pid_mountinfo(5)). */
function unescape(text: string): string {
  const bytes = text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return bytes;
}

function checkMount(mount: VolumeMount, workspacePath: string): void {
  checkGuestPath('guestPath', mount.guestPath);
  const covers = [...reservedPaths, workspacePath, '/'].find(
    (path) =>
      path === mount.guestPath ||
      path.startsWith(`${mount.guestPath}/`) ||
      (path !== workspacePath && path !== '/' && mount.guestPath.startsWith(`${path}/`)),
  );
  if (covers === undefined) return;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `A volume cannot be mounted at ${mount.guestPath}: ${covers} is part of every sandbox.`,
    hint: 'Choose another path, such as /data.',
    context: { path: mount.guestPath },
  });
}

function checkFree(mounts: readonly VolumeMount[], mount: VolumeMount): void {
  const isTaken = mounts.some(({ guestPath }) => guestPath === mount.guestPath);
  if (!isTaken && mounts.length < maxVolumes) return;
  const problem = isTaken
    ? `a volume is mounted at ${mount.guestPath} already`
    : `a sandbox has at most ${maxVolumes} volumes`;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Volume ${mount.volume} cannot be attached: ${problem}.`,
    hint: 'Choose another path, or detach that volume first.',
    context: { path: mount.guestPath },
  });
}

function inUse(name: string, user: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'volume.in-use',
    message: `Volume ${name} cannot be removed: it is attached to ${user}.`,
    hint: `Detach it, or remove that sandbox: sovereign rm ${user}`,
    context: { volume: name, sandbox: user },
  });
}

function busy(sandbox: SandboxId, mount: VolumeMount): SovereignError {
  return new SovereignError({
    reason: 'volume.in-use',
    message: `Volume ${mount.volume} cannot be detached from ${sandbox}: a process works in ${mount.guestPath}.`,
    hint: 'End what works there, or stop the sandbox first.',
    context: { volume: mount.volume, path: mount.guestPath },
  });
}

function moved(sandbox: SandboxId, mount: VolumeMount): SovereignError {
  return new SovereignError({
    reason: 'volume.in-use',
    message: `Volume ${mount.volume} cannot be detached from ${sandbox}: at ${mount.guestPath} is something else.`,
    hint: 'A directory above it was moved inside. Stop the sandbox first.',
    context: { volume: mount.volume, path: mount.guestPath },
  });
}

function notAttached(sandbox: SandboxId, guestPath: string): SovereignError {
  return new SovereignError({
    reason: 'volume.not-found',
    message: `No volume is attached to ${sandbox} at ${guestPath.slice(0, 200)}.`,
    hint: `See: sovereign inspect ${sandbox}`,
    context: { sandbox, path: guestPath.slice(0, 200) },
  });
}
