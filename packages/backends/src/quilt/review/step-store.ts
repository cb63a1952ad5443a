import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  isSandboxId,
  isStepId,
  lockHolderIsAlive,
  ownedName,
  parseStateFile,
  processIdentity,
  stateCount,
  stateText,
  type ApplyStep,
  type SandboxId,
  type StepId,
} from '@sovereign/core';
import { syncDirectory, writeDurably } from './durable-file.ts';
import { stepNotFound } from './review-errors.ts';

const stepSchema = v.strictObject({
  sandbox: v.custom<SandboxId>((value) => typeof value === 'string' && isSandboxId(value)),
  sandboxName: v.nullable(stateText),
  workspace: stateText,
  appliedMs: stateCount,
  paths: stateCount,
  bytes: stateCount,
});

export type StepFile = Omit<ApplyStep, 'id' | 'state'>;

/**
 * Steps as files, so that they outlive every process of ours, and the sandboxes that made them:
 *
 * ```
 * steps/stp_…/step.json    whose it is, where and when
 *             record/      what it replaced, as `shelld record` writes it
 *             worker.json  who applies or undoes it; gone when that is whole
 *       _….lock            who is at work on a workspace
 *       _stp_….of-…        one that is being made or deleted
 * ```
 *
 * A step is listed from the moment its directory has its final name: then all that it replaces is on the disk.
 */
export class StepStore {
  readonly directory: string;

  constructor(root: string) {
    this.directory = join(root, 'steps');
  }

  /** Newest first. What cannot be read is no step. */
  list(): readonly ApplyStep[] {
    const ids = existsSync(this.directory) ? readdirSync(this.directory).filter(isStepId) : [];
    const steps = ids.flatMap((id) => {
      try {
        return [this.read(id)];
      } catch {
        // Undone or removed while we looked, or cut short by a disk that was full: gc names that.
        return [];
      }
    });
    return steps.sort((left, right) => right.appliedMs - left.appliedMs);
  }

  /** Those that are there and cannot be read. */
  broken(): readonly StepId[] {
    if (!existsSync(this.directory)) return [];
    const known = new Set(this.list().map(({ id }) => id));
    return readdirSync(this.directory)
      .filter(isStepId)
      .filter((id) => !known.has(id));
  }

  /** @throws SovereignError `step.not-found`, `sandbox.state-corrupt` */
  read(id: StepId): ApplyStep {
    const path = this.path(id, 'step.json');
    if (!existsSync(path)) throw stepNotFound(id);
    return { id, ...parseStateFile(stepSchema, path, readFileSync(path, 'utf8')), state: this.#state(id) };
  }

  path(id: StepId, ...names: readonly string[]): string {
    return join(this.directory, id, ...names);
  }

  /** Lock of whoever is at work on a workspace. */
  lockPath(workspace: string): string {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    return join(this.directory, `_${createHash('sha256').update(workspace).digest('hex').slice(0, 16)}.lock`);
  }

  /** Locks whose holders have ended. */
  staleLocks(): readonly string[] {
    if (!existsSync(this.directory)) return [];
    const locks = readdirSync(this.directory).filter((name) => /^_[0-9a-f]{16}\.lock$/.test(name));
    return locks.map((name) => join(this.directory, name)).filter((path) => !lockHolderIsAlive(path));
  }

  /** A directory for a step in the making, with an empty `record`. It is nobody's step until `keep`. */
  begin(id: StepId): string {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const partial = ownedName(join(this.directory, `_${id}`));
    mkdirSync(join(partial, 'record'), { recursive: true, mode: 0o700 });
    return partial;
  }

  /** Makes it a step that is being applied, on the disk when this returns. */
  keep(id: StepId, partial: string, step: StepFile): void {
    writeDurably(join(partial, 'step.json'), JSON.stringify(step));
    writeDurably(join(partial, 'worker.json'), ourIdentity());
    renameSync(partial, this.path(id));
    syncDirectory(this.directory);
  }

  /** It is whole: what it put into the workspace counts as its own from now on, and nothing else. */
  markApplied(id: StepId): void {
    rmSync(this.path(id, 'worker.json'), { force: true });
    syncDirectory(this.path(id));
  }

  /** Somebody, we, or nobody any more, has begun something that is not whole yet. */
  markUnderWay(id: StepId, by: 'us' | 'nobody'): void {
    writeDurably(this.path(id, 'worker.json'), by === 'us' ? ourIdentity() : '{}');
  }

  /** Takes it out of the list at once, and returns what is to be deleted; undefined when it is gone. */
  putAside(id: StepId): string | undefined {
    const aside = ownedName(join(this.directory, `_${id}`));
    try {
      renameSync(this.path(id), aside);
      return aside;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #state(id: StepId): ApplyStep['state'] {
    const worker = this.path(id, 'worker.json');
    if (!existsSync(worker)) return 'applied';
    return lockHolderIsAlive(worker) ? 'underWay' : 'interrupted';
  }
}

function ourIdentity(): string {
  return JSON.stringify(processIdentity(process.pid) ?? {});
}
