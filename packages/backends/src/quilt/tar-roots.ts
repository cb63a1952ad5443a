import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOwnedAlive, ownedName } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { withFileLock } from './file-lock.ts';
import type { ScratchOptions } from './scratch-guest.ts';
import { tarRootName, unpackTarImage } from './tar-image.ts';
import { isTarRootName } from './tar-root-name.ts';

/** A root that stays where it is until it is released. */
export interface HeldRoot {
  readonly name: string;
  readonly path: string;
  release(): void;
}

/**
 * Roots unpacked from archives, one for each content, in the directory of images.
 *
 * A sandbox says in its state which one is its own. Until it does, whoever makes it leaves a mark beside the root that
 * names its process. Marks are made, and roots taken away, under one lock: a root that was found stays.
 */
export class TarRoots {
  readonly #scratch: () => ScratchOptions;

  constructor(scratch: () => ScratchOptions) {
    this.#scratch = scratch;
  }

  /**
   * The root of an archive, unpacked where it was not; kept by a mark until it is released.
   *
   * @param recorded the root that a sandbox has, whatever the archive is by now. Default: what the archive comes to.
   * @throws SovereignError `image.invalid`, also when the recorded root is gone and the archive is another by now
   */
  async hold(archive: string, recorded?: string): Promise<HeldRoot> {
    const name = recorded ?? (await tarRootName(archive));
    const path = join(this.#directory, name);
    const mark = await this.#mark(path);
    const release = (): void => rmSync(mark, { force: true });
    try {
      if (!existsSync(path)) {
        if (recorded !== undefined && (await tarRootName(archive)) !== recorded)
          throw rootGone(path, archive);
        await unpackTarImage(archive, path, this.#scratch());
      }
      return { name, path, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Those that nobody is about to use. */
  unmarked(): readonly string[] {
    const names = existsSync(this.#directory) ? readdirSync(this.#directory) : [];
    return names.filter(
      (name) =>
        isTarRootName(name) && !names.some((mark) => mark.startsWith(`${name}.used.`) && isOwnedAlive(mark)),
    );
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  /**
   * Takes a root out of its place, and returns where to.
   *
   * @param isUsed asked when nobody can begin to use it any more
   * @throws SovereignError `image.in-use`
   */
  takeAway(name: string, isUsed: (name: string) => boolean): Promise<string> {
    return this.#locked(() => {
      if (!this.unmarked().includes(name) || isUsed(name)) throw inUse(name);
      const aside = ownedName(this.path(name));
      renameSync(this.path(name), aside);
      return aside;
    });
  }

  #mark(path: string): Promise<string> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
    return this.#locked(() => {
      const mark = ownedName(`${path}.used`);
      writeFileSync(mark, '', { mode: 0o600, flag: 'wx' });
      return mark;
    });
  }

  #locked<T>(work: () => T): Promise<T> {
    return withFileLock(join(this.#directory, 'tar-roots.lock'), () => Promise.resolve(work()));
  }

  get #directory(): string {
    return this.#scratch().imageDirectory;
  }
}

function rootGone(path: string, archive: string): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `The root of this sandbox is gone (${path}), and its archive is another by now: ${archive}.`,
    hint: 'Put the archive back that it was made of, or make a new sandbox.',
    context: { path: archive },
  });
}

function inUse(name: string): SovereignError {
  return new SovereignError({
    reason: 'image.in-use',
    message: `The root ${name} is in use by now, or gone.`,
    hint: 'Look again: sovereign gc --dry-run',
    context: { id: name },
  });
}
