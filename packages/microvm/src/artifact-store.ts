import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { parseStateFile, releaseLock, stateCount, throwIfCancelled, tryLock } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { ownedName, sweepAbandoned } from '@sovereign/guest';
import type { Artifact } from './artifacts.ts';
import { digestOfFile } from './content-digest.ts';

const indexSchema = v.strictObject({
  digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  bytes: stateCount,
});

/** Between two looks at a lock that somebody else holds: short beside the seconds that making takes. */
const waitMs = 20;

/** Makes an artifact at a path. `frontBytes`: how much of it its digest covers, where the rest follows from that. */
export type MakeArtifact = (path: string) => Promise<{ readonly frontBytes: number } | undefined>;

/**
 * Artifacts as files, by the digest of their content:
 *
 * ```
 * <kind>/by-input/<key>.json    digest and size of what these inputs gave
<kind>/by-input/<key>.lock    who is making it
 * <kind>/<digest>               the artifact; never changed
 * ```
 */
export class ArtifactStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Directory that holds every artifact, to be shown to whoever boots them. */
  get path(): string {
    return this.#root;
  }

  /**
   * What these inputs gave; undefined when nobody has made it yet.
   *
   * @throws SovereignError `microvm.kernel-invalid` for one that was cut short since
   */
  find(kind: string, key: string): Artifact | undefined {
    const indexPath = this.#indexPath(kind, key);
    if (!existsSync(indexPath)) return undefined;
    const { digest, bytes } = parseStateFile(indexSchema, indexPath, readFileSync(indexPath, 'utf8'));
    const path = join(this.#root, kind, digest);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (found.size !== bytes) throw cutShort(path, found.size, bytes);
    return { path, digest, bytes };
  }

  /** Whether the artifact of that digest is there. */
  holds(kind: string, digest: string): boolean {
    return /^[0-9a-f]{64}$/.test(digest) && existsSync(join(this.#root, kind, digest));
  }

  /**
   * Finds it, or has it made under a temporary path and keeps it. Of several processes that want the same one makes it and the
   * others wait, as long as it lives.
   */
  async findOrMake(kind: string, key: string, make: MakeArtifact, signal?: AbortSignal): Promise<Artifact> {
    const found = this.find(kind, key);
    if (found !== undefined) return found;
    const lock = join(this.#root, kind, 'by-input', `${key}.lock`);
    this.#prepare(kind);
    while (!tryLock(lock)) {
      throwIfCancelled(signal);
      await wait(waitMs);
    }
    try {
      return this.find(kind, key) ?? (await this.make(kind, key, make));
    } finally {
      releaseLock(lock);
    }
  }

  /** Makes it anew, whatever was there. */
  async make(kind: string, key: string, make: MakeArtifact): Promise<Artifact> {
    const directory = join(this.#root, kind);
    this.#prepare(kind);
    const partial = ownedName(join(directory, key));
    try {
      const { frontBytes } = (await make(partial)) ?? {};
      const digest = await digestOfFile(partial, frontBytes);
      const { size } = statSync(partial);
      renameSync(partial, join(directory, digest));
      const index = ownedName(this.#indexPath(kind, key));
      writeFileSync(index, JSON.stringify({ digest, bytes: size }));
      renameSync(index, this.#indexPath(kind, key));
      return { path: join(directory, digest), digest, bytes: size };
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  }

  /** Makes the directories of a kind, and deletes what processes that are gone have left half-made in them. */
  #prepare(kind: string): void {
    const directory = join(this.#root, kind);
    mkdirSync(join(directory, 'by-input'), { recursive: true, mode: 0o755 });
    for (const path of [directory, join(directory, 'by-input')]) sweepAbandoned(path);
  }

  #indexPath(kind: string, key: string): string {
    return join(this.#root, kind, 'by-input', `${key}.json`);
  }
}

function cutShort(path: string, bytes: number, expected: number): SovereignError {
  return new SovereignError({
    reason: 'microvm.kernel-invalid',
    message: `An artifact is not what it was: ${path} has ${bytes} bytes (${expected} expected).`,
    hint: 'Delete it, then build it again: sovereign microvm build',
    context: { path, bytes },
  });
}
