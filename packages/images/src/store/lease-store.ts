import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownedName, parseBoundedJson } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import * as v from 'valibot';
import { corrupt, quoted } from '../image-errors.ts';
import { isDigest, type Digest } from '../reference/digest.ts';
import type { LibraryPaths } from './library-paths.ts';

/** Who uses an image: as long as the file is there, nothing of the image is deleted. */
export interface Lease {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly reference: string;
  /** Directory of the owner, which lives as long as that is there. */
  readonly home?: string;
}

const limits = { maxBytes: 16 * 1024, maxDepth: 4 } as const;
const schema = v.object({
  digest: v.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
  mediaType: v.pipe(v.string(), v.maxLength(256)),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  reference: v.pipe(v.string(), v.maxLength(1_024)),
  home: v.exactOptional(v.pipe(v.string(), v.startsWith('/'), v.maxLength(4_096))),
});

/** Leases as files, one an owner, written whole. */
export class LeaseStore {
  readonly #paths: LibraryPaths;

  constructor(paths: LibraryPaths) {
    this.#paths = paths;
  }

  owners(): string[] {
    if (!existsSync(this.#paths.leases)) return [];
    return readdirSync(this.#paths.leases).flatMap((name) => {
      const owner = /^([A-Za-z0-9_-]{1,128})\.json$/.exec(name)?.[1];
      return owner === undefined ? [] : [owner];
    });
  }

  /** Undefined when the owner holds nothing. @throws SovereignError `image.corrupt` */
  read(owner: string): Lease | undefined {
    const path = this.#path(owner);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw corrupt(`${path} cannot be read (${(error as Error).message})`);
    }
    try {
      return v.parse(schema, parseBoundedJson(text, limits));
    } catch (error) {
      throw corrupt(`${path}: ${(error as Error).message.slice(0, 200)}`);
    }
  }

  /** Whether the owner says where it lives, and is there. */
  isAtHome(owner: string): boolean {
    try {
      const home = this.read(owner)?.home;
      return home !== undefined && existsSync(home);
    } catch {
      return false;
    }
  }

  write(owner: string, lease: Lease): void {
    const path = this.#path(owner);
    const partial = ownedName(path);
    writeFileSync(partial, JSON.stringify(lease), { mode: 0o600 });
    renameSync(partial, path);
  }

  delete(owner: string): void {
    rmSync(this.#path(owner), { force: true });
  }

  #path(owner: string): string {
    if (/^[A-Za-z0-9_-]{1,128}$/.test(owner)) return join(this.#paths.leases, `${owner}.json`);
    throw new SovereignError({
      reason: 'argument.invalid',
      message: `Owner of an image: ${quoted(owner)} (expected 1 to 128 letters, digits, _ or -).`,
      hint: 'Use the id of the sandbox.',
    });
  }
}
