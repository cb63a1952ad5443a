import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  lockHolderIsAlive,
  corruptState,
  formatSpecFile,
  isSandboxId,
  parseSpecFile,
  processIdentity,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { parseGuestFile, type GuestFile } from './guest-file.ts';
import { isTarRootName } from './tar-root-name.ts';

const staleAfterMs = 60_000;

/** What a new sandbox has beside what was asked for. */
interface SandboxParts {
  /** Directory with `upper` and `work` that becomes its layer by being moved. Default: an empty one. */
  readonly layer?: string;
  /** Root unpacked from an archive that it is made of. Default: none. */
  readonly rootName?: string;
}

/**
 * State of quilt's sandboxes as files, so that it outlives every process of ours:
 *
 * ```
 * sandboxes/<id>/spec.json     what was asked for; replaced when a warm sandbox is claimed
 *                guest.json    the running guest's first process; replaced at each start
 *                creator.json  who is creating it; gone when it is whole
 *                root          name of the root that an archive was unpacked to, for image kind tar
 *                start.lock    who is starting or ending it
 *                volumes.json  its volumes, once they differ from those asked for
 *                console.log   what the launcher and shelld printed
 *                review/       the same of a workspace that is reviewed
 *                layer/        upper and work directories of the overlay
 * names/<name>                 holds the id; made exclusively, so a name is given once
 * ```
 */
export class QuiltState {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  directory(id: SandboxId): string {
    return join(this.#root, 'sandboxes', id);
  }

  consolePath(id: SandboxId): string {
    return join(this.directory(id), 'console.log');
  }

  layerPath(id: SandboxId): string {
    return join(this.directory(id), 'layer');
  }

  /** Held by whoever starts or ends it. */
  startLockPath(id: SandboxId): string {
    return join(this.directory(id), 'start.lock');
  }

  /** Where what is written to a reviewed workspace stays; made here. */
  reviewPath(id: SandboxId): string {
    const path = join(this.directory(id), 'review');
    for (const name of ['upper', 'work']) mkdirSync(join(path, name), { recursive: true, mode: 0o755 });
    return path;
  }

  /**
   * Takes the name and makes the directory of a new sandbox.
   *
   * @throws SovereignError `sandbox.exists` when the name or the id is taken, `argument.too-large`.
   */
  add(spec: SandboxSpec, { layer, rootName }: SandboxParts = {}): void {
    const content = formatSpecFile(spec);
    const directory = this.directory(spec.id);
    mkdirSync(join(this.#root, 'sandboxes'), { recursive: true, mode: 0o700 });
    // A sandbox is listed from the moment its directory has its final name, which is when it is whole.
    const partial = `${directory}.partial`;
    if (existsSync(directory) || !tryTo('EEXIST', () => mkdirSync(partial, { mode: 0o755 })))
      throw taken('id', spec.id, spec.id);
    try {
      if (layer === undefined) {
        mkdirSync(join(partial, 'layer', 'upper'), { recursive: true, mode: 0o755 });
        mkdirSync(join(partial, 'layer', 'work'), { mode: 0o755 });
      } else {
        renameSync(layer, join(partial, 'layer'));
      }
      writeFileSync(join(partial, 'spec.json'), content, { mode: 0o600 });
      writeFileSync(join(partial, 'creator.json'), JSON.stringify(processIdentity(process.pid) ?? {}), {
        mode: 0o600,
      });
      if (rootName !== undefined) writeFileSync(join(partial, 'root'), rootName, { mode: 0o600 });
      if (spec.name !== undefined) this.#takeName(spec.name, spec.id, join(partial, 'name'));
      renameSync(partial, directory);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  }

  /** Its create has succeeded: it stays, whatever becomes of the process that made it. */
  markWhole(id: SandboxId): void {
    rmSync(join(this.directory(id), 'creator.json'), { force: true });
  }

  /** Whether the process that was creating it has ended before it was whole. */
  isAbandoned(id: SandboxId): boolean {
    const path = join(this.directory(id), 'creator.json');
    return existsSync(path) && !lockHolderIsAlive(path);
  }

  /** Whether a process that lives is starting it. */
  isBeingStarted(id: SandboxId): boolean {
    const paths = [this.startLockPath(id), join(this.directory(id), 'creator.json')];
    return paths.some(lockHolderIsAlive);
  }

  /** The root that it is made of; undefined when it does not say: for other images, and in state of older versions. */
  rootName(id: SandboxId): string | undefined {
    const name = readState(join(this.directory(id), 'root'));
    return name !== undefined && isTarRootName(name) ? name : undefined;
  }

  writeRootName(id: SandboxId, name: string): void {
    const path = join(this.directory(id), 'root');
    writeFileSync(`${path}.new`, name, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** @throws SovereignError `sandbox.not-found`, `sandbox.state-corrupt` */
  readSpec(id: SandboxId): SandboxSpec {
    const path = join(this.directory(id), 'spec.json');
    const content = readState(path);
    if (content !== undefined) return parseSpecFile(path, content, id);
    throw existsSync(this.directory(id)) ? corruptState(path, 'it is not there') : notFound(id);
  }

  /**
   * Replaces what was asked for, and takes the name that the sandbox did not have.
   *
   * @throws SovereignError `sandbox.exists`, `argument.too-large`; nothing has changed then
   */
  rebind(spec: SandboxSpec): void {
    const directory = this.directory(spec.id);
    const path = join(directory, 'spec.json');
    writeFileSync(`${path}.new`, formatSpecFile(spec), { mode: 0o600 });
    if (spec.name !== undefined) this.#takeName(spec.name, spec.id, join(directory, 'name'));
    renameSync(`${path}.new`, path);
  }

  /** @throws SovereignError `sandbox.state-corrupt` */
  readGuest(id: SandboxId): GuestFile | undefined {
    const path = join(this.directory(id), 'guest.json');
    const content = readState(path);
    return content === undefined ? undefined : parseGuestFile(path, content);
  }

  writeGuest(id: SandboxId, guest: GuestFile): void {
    const path = join(this.directory(id), 'guest.json');
    writeFileSync(`${path}.new`, JSON.stringify(guest), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Deletes what a crash left of creates and removes; what is younger than a minute may belong to a live one. */
  async sweep(empty: (directory: string) => Promise<void>): Promise<void> {
    const directory = join(this.#root, 'sandboxes');
    if (!existsSync(directory)) return;
    for (const name of readdirSync(directory)) {
      const match = /^(sbx_[0-9a-z]{12})\.(partial|removed)$/.exec(name);
      const path = join(directory, name);
      if (match !== null && !isYoung(path)) await this.#delete(path, empty);
    }
  }

  ids(): SandboxId[] {
    const directory = join(this.#root, 'sandboxes');
    if (!existsSync(directory)) return [];
    return readdirSync(directory).filter(isSandboxId);
  }

  /**
   * Frees a sandbox's name, takes it out of the list at once, then deletes its files. Several may do so at the same time.
   *
   * @param empty deletes what is in a directory with the rights of the guest's root: without being root ourselves we
   *   may not touch what other users of the guest have made.
   */
  async remove(
    id: SandboxId,
    name: string | undefined,
    empty: (directory: string) => Promise<void>,
  ): Promise<void> {
    const directory = this.directory(id);
    const doomed = `${directory}.removed`;
    if (name !== undefined) this.#freeName(name, id, join(directory, `name.${process.pid}`));
    tryTo('ENOENT', () => renameSync(directory, doomed));
    await this.#delete(doomed, empty);
  }

  async #delete(path: string, empty: (directory: string) => Promise<void>): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // Another who waits for its lock may have written one into it while it was being deleted.
      if (code !== 'ENOTEMPTY') {
        if (!['EACCES', 'EPERM'].includes(code)) throw error;
        await empty(path);
      }
      await rm(path, { recursive: true, force: true });
    }
  }

  #namePath(name: string): string {
    return join(this.#root, 'names', name);
  }

  /** Whose name it is; undefined when it is free, or was left by a crash. */
  #nameHolder(name: string): string | undefined {
    const holder = readState(this.#namePath(name));
    if (holder === undefined || !isSandboxId(holder)) return undefined;
    const directory = this.directory(holder);
    // In this order: a sandbox that is being made has the first until the moment it has the second.
    return isYoung(`${directory}.partial`) || existsSync(directory) ? holder : undefined;
  }

  #takeName(name: string, id: SandboxId, own: string): void {
    const path = this.#namePath(name);
    mkdirSync(join(this.#root, 'names'), { recursive: true, mode: 0o700 });
    writeFileSync(own, id, { mode: 0o600 });
    const link = (): boolean => tryTo('EEXIST', () => linkSync(own, path));
    if (link()) return;
    const holder = this.#nameHolder(name);
    if (holder !== undefined) throw taken('name', name, holder);
    this.#freeName(name, readState(path), `${own}.left`);
    if (!link()) throw taken('name', name, this.#nameHolder(name) ?? 'another sandbox');
  }

  /**
   * Takes a name from one holder and nobody else: moved aside it is out of everybody's reach, and put back when it
   * turns out to have changed hands meanwhile. Of several that find a name abandoned, one gets it.
   */
  #freeName(name: string, holder: string | undefined, aside: string): void {
    if (readState(this.#namePath(name)) !== holder) return;
    if (!tryTo('ENOENT', () => renameSync(this.#namePath(name), aside))) return;
    if (readState(aside) !== holder) tryTo('EEXIST', () => linkSync(aside, this.#namePath(name)));
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Whether it may be somebody's who is at work on it. */
function isYoung(path: string): boolean {
  const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return changedMs !== undefined && Date.now() - changedMs < staleAfterMs;
}

/** False when it failed in this way; any other failure is thrown. */
function tryTo(code: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}

/** A file of state; undefined when it is not there, or no file. */
function readState(path: string): string | undefined {
  // Most sandboxes of a long list have no guest: an error for each would be what the list costs.
  if (!existsSync(path)) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

export function notFound(id: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-found',
    message: `No quilt sandbox has the id ${id.slice(0, 64)}.`,
    hint: 'List them with `sovereign ps --all`.',
    context: { id: id.slice(0, 64) },
  });
}

function taken(what: 'name' | 'id', value: string, holder: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.exists',
    message: `The ${what} ${value} is taken by ${holder}.`,
    hint: `Choose another, or remove that sandbox: sovereign rm ${holder}`,
    context: { [what]: value, holder },
  });
}
