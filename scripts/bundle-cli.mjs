/**
 * Bundles the `sovereign` command into packages/cli/dist (ADR 0025):
 *
 * - `sovereign.cjs`, the program: as little as `--version` needs, and the loader of
 * - `cli.cjs`, the modules that the usual commands evaluate, and
 * - `rest.cjs`, all others, which is opened when one of them is asked for;
 * - `cli.<hash>.cache` and `rest.<hash>.cache`, what V8 compiled of each while the usual commands ran.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundle, cli } from './bundle/bundle.mjs';
import { bundleChunk, moduleId } from './bundle/chunk.mjs';

const dist = join(cli, 'dist');
const main = 'packages/cli/src/main.ts';
const chunks = /** @type {const} */ (['cli', 'rest']);

/**
 * Bundles a program that stands alone.
 *
 * @param {string} entry
 * @param {string} outfile
 */
function bundleProgram(entry, outfile) {
  return bundle({
    entryPoints: [join(cli, 'src/bin', entry)],
    outfile,
    banner: { js: '#!/usr/bin/env node' },
  });
}

/**
 * Runs the usual commands once, in a home of their own, in a sandbox where this host can make one. Without one, less is in
 * `cli.cjs` and its cache: the command works the same, and starts later.
 *
 * @param {string} home
 * @param {string} directory the chunks, and the program
 * @param {readonly string[]} listPath where the evaluated modules are written instead of caches
 */
function train(home, directory, ...listPath) {
  /** @param {readonly string[]} args */
  const run = (...args) =>
    spawnSync(process.execPath, args, {
      env: { ...process.env, SOVEREIGN_HOME: home, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
      timeout: 60_000,
    }).stdout.trim();
  const program = join(directory, 'sovereign.cjs');
  const sandbox = run(program, 'create', '--quiet', '--no-workspace');
  run(join(home, 'train.cjs'), directory, moduleId('cli', main), sandbox, ...listPath);
  if (sandbox !== '') run(program, 'rm', '--force', sandbox);
}

/**
 * Bundles everything into one chunk, and finds out which of its modules the usual commands evaluate.
 *
 * @param {string} home
 */
async function findUsual(home) {
  const outfile = join(dist, 'cli.cjs');
  const imports = await bundleChunk({ outfile, modules: [main], isRecording: true });
  const listPath = join(home, 'evaluated.json');
  train(home, dist, listPath);
  /** @type {unknown} */
  const list = existsSync(listPath) ? JSON.parse(readFileSync(listPath, 'utf8')) : [];
  const usual = new Set(Array.isArray(list) ? list.map(String) : []);
  usual.add(main);
  return { imports, usual };
}

/**
 * Bundles the chunks, each with the modules that the other asks it for.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @param {ReadonlySet<string>} usual
 */
async function bundleChunks(imports, usual) {
  const chunkOf = (/** @type {string} */ path) => (usual.has(path) ? 'cli' : 'rest');
  const asked = { cli: new Set([main]), rest: /** @type {Set<string>} */ (new Set()) };
  for (const [path, imported] of imports) {
    for (const other of imported) if (chunkOf(other) !== chunkOf(path)) asked[chunkOf(other)].add(other);
  }
  for (const chunk of chunks) {
    await bundleChunk({
      outfile: join(dist, `${chunk}.cjs`),
      modules: [...asked[chunk]].sort(),
      elsewhere: (path) => (chunkOf(path) === chunk ? undefined : moduleId(chunkOf(path), path)),
    });
  }
}

/** npm links a command when it installs, if it is there by then; after a clean clone it is built later. */
function linkProgram() {
  const directory = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
  const link = join(directory, 'sovereign');
  if (existsSync(directory) && !existsSync(link)) {
    rmSync(link, { force: true });
    symlinkSync(relative(directory, program), link);
  }
}

const program = join(dist, 'sovereign.cjs');
await bundleProgram('sovereign.ts', program);
chmodSync(program, 0o755);
linkProgram();
for (const name of readdirSync(dist)) {
  if (/^(?:cli|rest)\.[0-9a-f]{16}\.cache/.test(name)) rmSync(join(dist, name));
}
const home = mkdtempSync(join(tmpdir(), 'svb-'));
try {
  await bundleProgram('train.ts', join(home, 'train.cjs'));
  const { imports, usual } = await findUsual(home);
  await bundleChunks(imports, usual);
  train(home, dist);
} finally {
  rmSync(home, { recursive: true, force: true });
}
