import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Leftover, Sweeper } from '@sovereign/core';
import type { LayeredImages } from '@sovereign/images';
import { SovereignError } from '@sovereign/protocol';
import type { ArtifactInput, ArtifactStore } from './artifact-store.ts';
import { layeredRootKey } from './layered-root-key.ts';

/** Between its last byte and its entry an artifact is nobody's who can be seen; that takes as long as reading it once. */
const youngMs = 60_000;

const kind = 'root';

export interface PackedRootsOptions {
  readonly store: ArtifactStore;
  /** The images that roots are packed of. */
  readonly library: Pick<LayeredImages, 'rootDigests'>;
  /** Digests of roots that machines and snapshots were made of, whatever became of their images. */
  readonly inUse: () => ReadonlySet<string>;
}

/**
 * Roots that were packed of images of the library, and which of them nobody needs any more (ADR 0023): the image has no name
 * and no lease, and no machine and no snapshot was made of it. Roots of directories and archives are nobody's to judge.
 */
export class PackedRoots implements Sweeper {
  readonly #options: PackedRootsOptions;

  constructor(options: PackedRootsOptions) {
    this.#options = options;
  }

  async leftovers(): Promise<readonly Leftover[]> {
    const { store } = this.#options;
    const digests = store.digests(kind);
    if (digests.length === 0) return [];
    const isNeeded = await this.#need(store.inputs(kind));
    return digests
      .filter((digest) => !isNeeded(digest))
      .map((digest) => ({
        kind,
        id: digest,
        why: 'it was packed of an image that is not in the library any more, and no machine uses it',
        bytes: (statSync(join(store.path, kind, digest), { throwIfNoEntry: false })?.blocks ?? 0) * 512,
      }));
  }

  async sweep({ id }: Leftover): Promise<void> {
    const { store } = this.#options;
    const inputs = store.inputs(kind);
    const isLeft = (await this.leftovers()).some((leftover) => leftover.id === id);
    // SAFETY: whoever has found it has a lease, which is looked for when nobody can find it any more
    // (tests/microvm/packed-roots.test.ts).
    const isUnneeded = async (): Promise<boolean> => !(await this.#need(inputs))(id);
    if (!isLeft || !(await store.remove(kind, id, isUnneeded))) throw stillNeeded(id);
  }

  /** What is needed at this moment of what these inputs have given. A library that cannot be read needs everything. */
  async #need(inputs: readonly ArtifactInput[]): Promise<(digest: string) => boolean> {
    const { library, inUse } = this.#options;
    const roots = await library.rootDigests().catch((error: unknown) => {
      if (error instanceof SovereignError && error.reason === 'image.corrupt') return undefined;
      throw error;
    });
    if (roots === undefined) return () => true;
    const keys = new Set([...roots].map(layeredRootKey));
    const packed = new Set(inputs.map(({ digest }) => digest));
    const needed = inputs.filter(({ key, of }) => of !== 'layers' || keys.has(key));
    const all = new Set([...needed.map(({ digest }) => digest), ...inUse()]);
    return (digest) => all.has(digest) || (!packed.has(digest) && this.#isYoung(digest));
  }

  #isYoung(digest: string): boolean {
    const path = join(this.#options.store.path, kind, digest);
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    return changedMs !== undefined && Date.now() - changedMs < youngMs;
  }
}

function stillNeeded(id: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `This is left by nobody: root ${id.slice(0, 64)}.`,
    hint: 'It is gone, or in use again. Look again: sovereign gc --dry-run.',
  });
}
