import { execFileSync } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { prepareHostRoot } from '@sovereign/guest';
import { libraryPath, libraryTarget } from './recipe.ts';

const leftOut = [
  /^\/usr\/share\/(doc|man|locale|info|lintian|bug)\//,
  /^\/(dev|proc|sys|run|tmp|var|home|root|boot)\b/,
  /^\/etc\//,
  /\/__pycache__\//,
];

/**
 * Makes the archive of this host's own installed packages: their files, as dpkg lists them, under a fresh root. Nothing is
 * downloaded, and nothing is executed in the root that is made.
 */
export function archiveOfHost(packages: readonly string[], target: string): void {
  const work = mkdtempSync(join(tmpdir(), 'svi-'));
  try {
    const names = filesOf(packages);
    // The same fresh /etc, accounts and directories as image `host` has.
    const root = prepareHostRoot(join(work, 'roots')).path;
    cpSync(libraryPath, join(root, libraryTarget), {
      recursive: true,
      filter: (path) => !path.includes('__pycache__'),
    });
    linkAlternatives(root, names);
    const list = join(work, 'files');
    // Engines refuse a path that comes twice.
    const added = names.filter(
      (name) => lstatSync(join(root, name), { throwIfNoEntry: false }) === undefined,
    );
    writeFileSync(list, added.map((name) => `.${name}\0`).join(''));
    const owner = ['--numeric-owner', '--owner=0', '--group=0'];
    execFileSync('tar', ['-c', ...owner, '-f', target, '-C', root, '.']);
    execFileSync('tar', ['-r', ...owner, '-f', target, '-C', '/', '--no-recursion', '--null', '-T', list]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Every file of the packages once, with directories, by the path that it really has: `/bin/sh` is `/usr/bin/sh`. */
function filesOf(packages: readonly string[]): readonly string[] {
  const text = execFileSync('dpkg', ['-L', ...packages], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    if (!line.startsWith('/') || line === '/.') continue;
    const name = /^\/(bin|sbin|lib|lib32|lib64|libx32)(\/|$)/.test(line) ? `/usr${line}` : line;
    if (leftOut.some((pattern) => pattern.test(name)) || !name.startsWith('/usr/')) continue;
    if (lstatSync(name, { throwIfNoEntry: false }) !== undefined) names.add(name);
  }
  return [...names].sort();
}

/** What update-alternatives links, such as `/usr/bin/awk`, is in no package. */
function linkAlternatives(root: string, names: readonly string[]): void {
  const known = new Set(names);
  const text = execFileSync('update-alternatives', ['--get-selections'], { encoding: 'utf8' });
  for (const line of text.split('\n')) {
    const [name = '', , path = ''] = line.split(/\s+/);
    const link = `/usr/bin/${name}`;
    if (!known.has(path) || lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    const target = join(root, link);
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(readlinkSync(link), target);
  }
}
