import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The action library, copied to where Debian's Python looks for packages. */
export const libraryPath: string = join(root, 'python', 'apts');
export const libraryTarget = 'usr/lib/python3/dist-packages/apts';
/** Raise it when the way in which archives are made changes. */
const layout = 1;

/** What the image is made of. */
export interface Recipe {
  readonly packages: readonly string[];
  /** SHA-256 over everything that the content depends on, cut: name of the cached archive and tag of the image. */
  readonly digest: string;
}

/** @param source What the files come from, with its versions: another host or another day is another image. */
export function readRecipe(source: string): Recipe {
  const text = readFileSync(join(root, 'images', 'sandbox', 'packages.txt'), 'utf8');
  const packages = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const hash = createHash('sha256').update(`${layout}\n${source}\n${packages.join(' ')}\n`);
  for (const path of filesBelow(libraryPath))
    hash.update(`${path}\0`).update(readFileSync(join(libraryPath, path)));
  return { packages, digest: hash.digest('hex').slice(0, 16) };
}

/** Files of a tree by their paths below it, sorted; without what Python compiled. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((path) => !path.includes('__pycache__') && lstatSync(join(directory, path)).isFile())
    .sort();
}
