import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archiveOfHost } from './host-archive.ts';
import { hostPackages } from './host-packages.ts';
import { libraryPath, libraryTarget, readRecipe, type Recipe } from './recipe.ts';

/** Where the files come from: packages fetched from Debian, or those that this host has installed. */
export type ArchiveSource = 'debian' | 'host';

const suite = 'bookworm';

export interface SandboxArchive {
  readonly path: string;
  readonly digest: string;
  readonly isCached: boolean;
}

/**
 * The root of the sandbox image as a tar archive, made when there is none of its digest yet.
 *
 * @throws Error when a program that makes it is missing, or fails
 */
export function sandboxArchive(source: ArchiveSource, cache: string = defaultCache()): SandboxArchive {
  const { recipe, packages } = recipeOf(source);
  const path = join(cache, `${recipe.digest}.tar`);
  if (existsSync(path)) return { path, digest: recipe.digest, isCached: true };
  mkdirSync(cache, { recursive: true });
  const partial = `${path}.${process.pid}`;
  try {
    if (source === 'host') archiveOfHost(packages, partial);
    else archiveOfDebian(packages, partial);
    // It gets its name when it is whole.
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
  return { path, digest: recipe.digest, isCached: false };
}

function recipeOf(source: ArchiveSource): { readonly recipe: Recipe; readonly packages: readonly string[] } {
  const named = readRecipe(source).packages;
  if (source === 'debian') return { recipe: readRecipe(`debian ${suite}`), packages: named };
  const found = hostPackages(named);
  const versions = [...found].map(([name, version]) => `${name}=${version}`).join(' ');
  return { recipe: readRecipe(`host ${versions}`), packages: [...found.keys()] };
}

/** By mmdebstrap, which fetches and verifies Debian's packages and needs no container to do it. */
function archiveOfDebian(packages: readonly string[], target: string): void {
  const excluded = ['doc', 'man', 'locale', 'info'].map(
    (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
  );
  execFileSync(
    'mmdebstrap',
    [
      ...['--variant=minbase', '--format=tar', `--include=${packages.join(',')}`, ...excluded],
      ...[
        '--customize-hook=mkdir -p "$1/workspace"',
        `--customize-hook=copy-in ${libraryPath} /${libraryTarget.replace(/\/apts$/, '')}`,
      ],
      ...[suite, target],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
}

function defaultCache(): string {
  return fileURLToPath(new URL('../../build/sandbox-image', import.meta.url));
}
