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
  corruptState,
  formatSpecFile,
  isSandboxId,
  parseSpecFile,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { parseMachineFile, type MachineFile } from './machine-file.ts';

const staleAfterMs = 60_000;
/** What a sandbox is about to become. */
const nextSpec = 'spec.json.new';

/**
 * State of the microVMs of one backend as files, so that it outlives every process of ours:
 *
 * ```
 * sandboxes/<id>/spec.json      what was asked for; replaced when it is claimed from a pool
 *                machine.json   the running machine's first process, and what it was started from; replaced at each start
 *                start.lock     who is starting or ending it
 *                console.log    the last that the machine printed
 *                machine/       its disk; all of the directory that the machine's monitor sees
 * names/<name>                  holds the id; made exclusively, so a name is given once
 * ```
 */
export class MachineState {
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

  /** Held by whoever starts or ends it. */
  startLockPath(id: SandboxId): string {
    return join(this.directory(id), 'start.lock');
  }

  /** What the machine's monitor may write to. */
  machinePath(id: SandboxId): string {
    return join(this.directory(id), 'machine');
  }

  /**
   * Takes the name and makes the directory of a new sandbox.
   *
   * @throws SovereignError `sandbox.exists` when the name or the id is taken, `argument.too-large`.
   */
  add(spec: SandboxSpec): void {
    const content = formatSpecFile(spec);
    const directory = this.directory(spec.id);
    mkdirSync(join(this.#root, 'sandboxes'), { recursive: true, mode: 0o700 });
    // A sandbox is listed from the moment its directory has its final name, which is when it is whole.
    const partial = `${directory}.partial`;
    if (existsSync(directory) || !tryTo('EEXIST', () => mkdirSync(partial, { mode: 0o755 })))
      throw taken('id', spec.id, spec.id);
    try {
      mkdirSync(join(partial, 'machine'), { mode: 0o755 });
      writeFileSync(join(partial, 'spec.json'), content, { mode: 0o600 });
      if (spec.name !== undefined) this.#takeName(spec.name, spec.id, join(partial, 'name'));
      renameSync(partial, directory);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  }

  /** @throws SovereignError `sandbox.not-found`, `sandbox.state-corrupt` */
  readSpec(id: SandboxId): SandboxSpec {
    const path = join(this.directory(id), 'spec.json');
    const content = readState(path);
    if (content !== undefined) return parseSpecFile(path, content, id);
    throw existsSync(this.directory(id)) ? corruptState(path, 'it is not there') : notFound(id);
  }

  /**
   * Replaces what a sandbox without a name is, and takes the name that it is to have. A process that ends on the way has
   * changed nothing, and left a name that goes with the sandbox.
   *
   * @throws SovereignError `sandbox.exists` when the name is taken, `argument.too-large`
   */
  rebind(spec: SandboxSpec): void {
    const directory = this.directory(spec.id);
    writeFileSync(join(directory, nextSpec), formatSpecFile(spec), { mode: 0o600 });
    if (spec.name !== undefined) this.#takeName(spec.name, spec.id, join(directory, 'name'));
    renameSync(join(directory, nextSpec), join(directory, 'spec.json'));
  }

  /** @throws SovereignError `sandbox.state-corrupt` */
  readMachine(id: SandboxId): MachineFile | undefined {
    const path = join(this.directory(id), 'machine.json');
    const content = readState(path);
    return content === undefined ? undefined : parseMachineFile(path, content);
  }

  /** Digests of the roots that machines were started from, as far as what is known of them can be read. */
  roots(): readonly string[] {
    return this.ids().flatMap((id) => {
      try {
        return this.readMachine(id)?.boot.base ?? [];
      } catch (error) {
        if (error instanceof SovereignError && error.reason === 'sandbox.state-corrupt') return [];
        throw error;
      }
    });
  }

  writeMachine(id: SandboxId, machine: MachineFile): void {
    const path = join(this.directory(id), 'machine.json');
    writeFileSync(`${path}.new`, JSON.stringify(machine), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Deletes what a crash left of creates and removes; what is younger than a minute may belong to a live one. */
  async sweep(): Promise<void> {
    const directory = join(this.#root, 'sandboxes');
    if (!existsSync(directory)) return;
    for (const name of readdirSync(directory)) {
      const match = /^(sbx_[0-9a-z]{12})\.(partial|removed)$/.exec(name);
      const path = join(directory, name);
      if (match !== null && !isYoung(path)) await rm(path, { recursive: true, force: true });
    }
  }

  ids(): SandboxId[] {
    const directory = join(this.#root, 'sandboxes');
    if (!existsSync(directory)) return [];
    return readdirSync(directory).filter(isSandboxId);
  }

  /** Frees a sandbox's name, takes it out of the list at once, then deletes its files. Several may do so at the same time. */
  async remove(id: SandboxId, name: string | undefined): Promise<void> {
    const directory = this.directory(id);
    const doomed = `${directory}.removed`;
    for (const held of [name, this.#nextName(id)])
      if (held !== undefined) this.#freeName(held, id, join(directory, `name.${process.pid}`));
    tryTo('ENOENT', () => renameSync(directory, doomed));
    await rm(doomed, { recursive: true, force: true });
  }

  /** Name that a rebind was about to give when its process ended. */
  #nextName(id: SandboxId): string | undefined {
    const path = join(this.directory(id), nextSpec);
    const content = readState(path);
    try {
      return content === undefined ? undefined : parseSpecFile(path, content, id).name;
    } catch {
      // Cut short: the name is taken after the file is whole.
      return undefined;
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
    message: `No microVM sandbox has the id ${id.slice(0, 64)}.`,
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
