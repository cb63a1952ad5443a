import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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
  of: v.exactOptional(v.literal('layers')),
});

/** Between two looks at a lock that somebody else holds: short beside the seconds that making takes. */
const waitMs = 20;

/** What is known of an artifact when it is made. */
export interface MadeArtifact {
  /** How much of it its digest covers, where the rest follows from that. Default: all of it. */
  readonly frontBytes?: number;
  /** It was made of an image's layers, and can be made again for as long as the image is there. Default: of something else. */
  readonly of?: 'layers';
}

/** Makes an artifact at a path. */
export type MakeArtifact = (path: string) => Promise<MadeArtifact | undefined>;

/** What inputs have given. */
export interface ArtifactInput extends Pick<MadeArtifact, 'of'> {
  readonly key: string;
  readonly digest: string;
}

/**
 * Artifacts as files, by the digest of their content:
 *
 * ```
 * <kind>/by-input/<key>.json    digest and size of what these inputs gave, and whether they are an image's layers
 * <kind>/by-input/<key>.lock    who is making it, or removing what it gave
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
    const lock = this.#lockPath(kind, key);
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
      const { frontBytes, of } = (await make(partial)) ?? {};
      const digest = await digestOfFile(partial, frontBytes);
      const { size } = statSync(partial);
      renameSync(partial, join(directory, digest));
      const index = ownedName(this.#indexPath(kind, key));
      writeFileSync(index, JSON.stringify({ digest, bytes: size, of }));
      renameSync(index, this.#indexPath(kind, key));
      return { path: join(directory, digest), digest, bytes: size };
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  }

  /** Digests of the artifacts of a kind that are there. */
  digests(kind: string): readonly string[] {
    return namesIn(join(this.#root, kind)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  /** What inputs have given so far, by their keys; what cannot be read is left out. */
  inputs(kind: string): readonly ArtifactInput[] {
    return namesIn(join(this.#root, kind, 'by-input')).flatMap((name) => {
      const key = /^(.+)\.json$/.exec(name)?.[1];
      return key === undefined ? [] : this.#input(kind, key);
    });
  }

  /**
   * Removes an artifact, and what says which inputs gave it.
   *
   * @param isUnneeded asked when nobody can find it any more: whoever has found it before is to be seen by then.
   * @returns false when it is needed, or being made; it stays as it was.
   */
  async remove(kind: string, digest: string, isUnneeded: () => Promise<boolean>): Promise<boolean> {
    const keys = this.inputs(kind).flatMap((input) => (input.digest === digest ? [input.key] : []));
    const held: string[] = [];
    const aside = new Map<string, string>();
    try {
      for (const key of keys) {
        const lock = this.#lockPath(kind, key);
        if (!tryLock(lock)) return false;
        held.push(lock);
      }
      for (const key of keys) {
        const path = this.#indexPath(kind, key);
        const moved = ownedName(path);
        renameSync(path, moved);
        aside.set(path, moved);
      }
      if (!(await isUnneeded())) return false;
      rmSync(join(this.#root, kind, digest), { force: true });
      for (const moved of aside.values()) rmSync(moved, { force: true });
      aside.clear();
      return true;
    } finally {
      for (const [path, moved] of aside) renameSync(moved, path);
      for (const lock of held) releaseLock(lock);
    }
  }

  #input(kind: string, key: string): readonly ArtifactInput[] {
    const path = this.#indexPath(kind, key);
    try {
      const { digest, of } = parseStateFile(indexSchema, path, readFileSync(path, 'utf8'));
      return [{ key, digest, ...(of !== undefined && { of }) }];
    } catch {
      return [];
    }
  }

  /** Makes the directories of a kind, and deletes what processes that are gone have left half-made in them. */
  #prepare(kind: string): void {
    const directory = join(this.#root, kind);
    mkdirSync(join(directory, 'by-input'), { recursive: true, mode: 0o755 });
    for (const path of [directory, join(directory, 'by-input')]) sweepAbandoned(path);
  }

  #lockPath(kind: string, key: string): string {
    return join(this.#root, kind, 'by-input', `${key}.lock`);
  }

  #indexPath(kind: string, key: string): string {
    return join(this.#root, kind, 'by-input', `${key}.json`);
  }
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function cutShort(path: string, bytes: number, expected: number): SovereignError {
  return new SovereignError({
    reason: 'microvm.kernel-invalid',
    message: `An artifact is not what it was: ${path} has ${bytes} bytes (${expected} expected).`,
    hint: 'Delete it, then build it again: sovereign microvm build',
    context: { path, bytes },
  });
}
