import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import { checkResourceName, ownedName, parseStateFile, stateCount, stateText } from '@sovereign/core';
import type { VisitSource } from '../visit.ts';

/** What is known of a volume besides who uses it. */
export interface VolumeFile {
  readonly sizeBytes: number | null;
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

const volumeSchema = v.strictObject({
  sizeBytes: v.nullable(stateCount),
  createdMs: stateCount,
  labels: v.record(stateText, stateText),
});

/**
 * Volumes as files, so that they outlive every process of ours:
 *
 * ```
 * volumes/<name>/volume.json   when it was made, its quota, its labels
 *                data/         what is in it, without a quota
 *                data.img      an ext4 file system that holds what is in it, with one
 * ```
 *
 * A volume is listed from the moment its directory has its final name, which is when it is whole.
 */
export class VolumeStore {
  readonly directory: string;

  constructor(root: string) {
    this.directory = join(root, 'volumes');
  }

  names(): readonly string[] {
    return listOrNothing(this.directory).filter(isVolumeName);
  }

  /** @throws SovereignError `volume.not-found`, `sandbox.state-corrupt` */
  read(name: string): VolumeFile {
    const path = this.#path(name, 'volume.json');
    if (!existsSync(path)) throw volumeNotFound(name);
    return parseStateFile(volumeSchema, path, readFileSync(path, 'utf8'));
  }

  /** What of it is mounted in guests. @throws SovereignError `volume.not-found` */
  source(name: string): VisitSource {
    const image = this.#path(name, 'data.img');
    return this.read(name).sizeBytes === null ? { source: this.#path(name, 'data') } : { image };
  }

  /**
   * Makes a volume, filled by `fill`, which is given the directory of a half that nobody sees yet.
   *
   * @throws SovereignError `volume.exists`
   */
  async add(name: string, file: VolumeFile, fill: (partial: string) => Promise<void>): Promise<void> {
    const path = this.#path(name);
    if (existsSync(path)) throw volumeExists(name);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const partial = ownedName(join(this.directory, `_${name}`));
    try {
      mkdirSync(partial, { mode: 0o700 });
      await fill(partial);
      writeFileSync(join(partial, 'volume.json'), JSON.stringify(file), { mode: 0o600 });
      renameSync(partial, path);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      // A rename onto a directory that is not empty fails: of two that make one volume, one gets it.
      if (isNamed(error, ['ENOTEMPTY', 'EEXIST'])) throw volumeExists(name);
      throw error;
    }
  }

  /** Takes it out of the list, and returns where it is until it is deleted. @throws SovereignError `volume.not-found` */
  putAside(name: string): string {
    const aside = ownedName(join(this.directory, `_${name}`));
    try {
      renameSync(this.#path(name), aside);
    } catch (error) {
      if (isNamed(error, ['ENOENT'])) throw volumeNotFound(name);
      throw error;
    }
    return aside;
  }

  /** Bytes that it takes on the disk, for one with a quota; null without. */
  usedBytes(name: string): number | null {
    const info = statSync(this.#path(name, 'data.img'), { throwIfNoEntry: false });
    return info === undefined ? null : info.blocks * 512;
  }

  #path(name: string, ...rest: readonly string[]): string {
    checkResourceName('volume', name);
    return join(this.directory, name, ...rest);
  }
}

/** What is half made or half deleted begins with an underscore. */
function isVolumeName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name);
}

function listOrNothing(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function isNamed(error: unknown, codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function volumeNotFound(name: string): SovereignError {
  return new SovereignError({
    reason: 'volume.not-found',
    message: `No volume has the name ${name}.`,
    hint: `Make it: sovereign volume create ${name}`,
    context: { volume: name },
  });
}

function volumeExists(name: string): SovereignError {
  return new SovereignError({
    reason: 'volume.exists',
    message: `A volume has the name ${name} already.`,
    hint: `Choose another, or remove that one: sovereign volume rm ${name}`,
    context: { volume: name },
  });
}
