import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { bootId, lockHolderIsAlive, parseStateFile } from '@sovereign/core';
import type { Layer } from '@sovereign/protocol';

/** Where no process can be named by more than its number, a make that is younger than any may last is taken for alive. */
const longestMakeMs = 20 * 60_000;

const schema = v.object({
  layers: v.pipe(
    v.array(
      v.object({
        name: v.string(),
        state: v.picklist(['active', 'failed', 'unsupported', 'notRequested']),
        detail: v.string(),
      }),
    ),
    v.maxLength(32),
  ),
});

/**
 * How far a sandbox has come, as files beside its spec:
 *
 * ```
 * making         its machine is being made, or was when the process that made it ended
 * started.json   it is made, and was found to be held so at its last start
 * ```
 */
export class SandboxRecord {
  readonly #directory: string;
  readonly #lockPath: string;

  constructor(directory: string, lockPath: string) {
    this.#directory = directory;
    this.#lockPath = lockPath;
  }

  get isStarted(): boolean {
    return existsSync(this.#startedPath);
  }

  /** Something of it may be with the program. */
  get isMade(): boolean {
    return this.isStarted || existsSync(this.#makingPath);
  }

  /** Its create was cut short. */
  get isAbandoned(): boolean {
    const begun = statSync(this.#makingPath, { throwIfNoEntry: false });
    if (begun === undefined || this.isStarted) return false;
    if (bootId() === 'none') return Date.now() - begun.mtimeMs > longestMakeMs;
    return !lockHolderIsAlive(this.#lockPath);
  }

  beginMake(): void {
    writeFileSync(this.#makingPath, '', { mode: 0o600 });
  }

  undoMake(): void {
    rmSync(this.#makingPath, { force: true });
  }

  started(layers: readonly Layer[]): void {
    writeFileSync(`${this.#startedPath}.new`, JSON.stringify({ layers }), { mode: 0o600 });
    renameSync(`${this.#startedPath}.new`, this.#startedPath);
    this.undoMake();
  }

  /** What it was found to be held by; nothing before its first start. @throws SovereignError `sandbox.state-corrupt` */
  layers(): readonly Layer[] {
    if (!this.isStarted) return [];
    return parseStateFile(schema, this.#startedPath, readFileSync(this.#startedPath, 'utf8')).layers;
  }

  get #makingPath(): string {
    return join(this.#directory, 'making');
  }

  get #startedPath(): string {
    return join(this.#directory, 'started.json');
  }
}
