import { closeSync, openSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { preparePrivateDirectory } from '../config/private-directory.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import { isSandboxId } from '../identity/sandbox-id.ts';

/** When something was last done with a sandbox, for whichever process wants to know. Best effort: losing it makes a sandbox look idle. */
export interface ActivityStore {
  touch(id: SandboxId, atMs: number): void;
  /** Unix time in milliseconds; undefined when nothing is known. */
  read(id: SandboxId): number | undefined;
  forget(id: SandboxId): void;
  ids(): readonly SandboxId[];
}

/** One empty file a sandbox, whose time of change says it: a touch is one system call and needs no lock. */
export class FileActivityStore implements ActivityStore {
  readonly #directory: string;
  #isPrepared = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  touch(id: SandboxId, atMs: number): void {
    const path = join(this.#directory, id);
    const at = atMs / 1_000;
    try {
      utimesSync(path, at, at);
    } catch (error) {
      if (!isMissing(error)) return;
      this.#make(path, at);
    }
  }

  read(id: SandboxId): number | undefined {
    try {
      return statSync(join(this.#directory, id)).mtimeMs;
    } catch {
      return undefined;
    }
  }

  forget(id: SandboxId): void {
    rmSync(join(this.#directory, id), { force: true });
  }

  ids(): readonly SandboxId[] {
    try {
      return readdirSync(this.#directory).filter(isSandboxId);
    } catch {
      return [];
    }
  }

  #make(path: string, at: number): void {
    try {
      if (!this.#isPrepared) preparePrivateDirectory(this.#directory);
      this.#isPrepared = true;
      closeSync(openSync(path, 'w', 0o600));
      utimesSync(path, at, at);
    } catch {
      // A disk that is full must not fail the action that was the activity.
    }
  }
}

/** For a runtime that keeps no state. */
export class MemoryActivityStore implements ActivityStore {
  readonly #times = new Map<SandboxId, number>();

  touch(id: SandboxId, atMs: number): void {
    this.#times.set(id, atMs);
  }

  read(id: SandboxId): number | undefined {
    return this.#times.get(id);
  }

  forget(id: SandboxId): void {
    this.#times.delete(id);
  }

  ids(): readonly SandboxId[] {
    return [...this.#times.keys()];
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
