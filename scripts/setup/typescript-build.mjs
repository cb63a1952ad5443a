import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { PhaseError, say } from '../phases/phase.mjs';
import { root, runCommand, runNodeModule } from '../phases/run-command.mjs';

const stampPath = join(root, 'build', 'typescript.stamp');

/**
 * Compiles all packages and bundles the command line, unless nothing has changed since the last time.
 *
 * @throws PhaseError when it does not compile.
 */
export async function buildTypeScript() {
  const fingerprint = fingerprintOf(inputFiles());
  if (areOutputsThere() && readStamp() === fingerprint) return '';
  say('… building the packages');
  for (const build of [
    () => runNodeModule('typescript/bin/tsc', ['-b']),
    () => runCommand(process.execPath, ['scripts/bundle-cli.mjs']),
  ]) {
    const outcome = await build();
    if (!outcome.ok) {
      throw new PhaseError(
        `The packages do not build: ${outcome.end}.`,
        'Correct what is named above and run `npm run build`.',
        outcome.output,
      );
    }
  }
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(stampPath, fingerprint);
  return 'built';
}

/** @returns {string | undefined} */
function readStamp() {
  return existsSync(stampPath) ? readFileSync(stampPath, 'utf8') : undefined;
}

/** @returns {readonly string[]} */
function packageDirectories() {
  return readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
}

/** @returns {readonly string[]} */
function inputFiles() {
  const shared = ['tsconfig.json', 'tsconfig.base.json', 'package-lock.json', 'scripts/bundle-cli.mjs'];
  const bundler = readdirSync(join(root, 'scripts/bundle')).map((name) => `scripts/bundle/${name}`);
  const launcher = 'packages/cli/launcher/sovereign.c';
  const files = [...shared, ...bundler, launcher].map((name) => join(root, name));
  for (const directory of packageDirectories()) {
    files.push(join(directory, 'package.json'), join(directory, 'tsconfig.json'));
    const sources = join(directory, 'src');
    if (!existsSync(sources)) continue;
    for (const entry of readdirSync(sources, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && !entry.name.endsWith('.test.ts')) files.push(join(entry.parentPath, entry.name));
    }
  }
  return files.sort();
}

/**
 * @param {readonly string[]} files
 * @returns {string}
 */
function fingerprintOf(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) {
    const stats = statSync(file, { throwIfNoEntry: false });
    hash.update(`${file}\0${String(stats?.mtimeMs)}\0${String(stats?.size)}\n`);
  }
  return hash.digest('hex');
}

/** @returns {boolean} */
function areOutputsThere() {
  return packageDirectories()
    .filter((directory) => existsSync(join(directory, 'src/index.ts')))
    .every((directory) => existsSync(join(directory, 'dist/index.js')));
}
