/**
 * Bundles the `sovereign` command into packages/cli/dist (ADR 0026):
 *
 * - `sovereign.cjs`, the program: as little as `--version` needs, and the loader of
 * - `cli.cjs`, the modules that the usual commands evaluate, and
 * - `rest.cjs`, all others, which is opened when one of them is asked for;
 * - `cli.<hash>.cache` and `rest.<hash>.cache`, what V8 compiled of each while the usual commands ran;
 * - `sovereign`, a launcher that has Node begin with `sovereign.blob`, a heap in which the usual modules are evaluated (ADR 0029),
 *   where `sovereign.fit` says that it can.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundle, cli } from './bundle/bundle.mjs';
import { bundleChunk, moduleId } from './bundle/chunk.mjs';
import { makeSnapshot, removeSnapshot, snapshotCacheEnding, snapshotOptions } from './bundle/snapshot.mjs';

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
 * @param {object} [options]
 * @param {string} [options.listPath] where the evaluated modules are written instead of caches
 * @param {readonly string[]} [options.nodeOptions] V8 takes a cache where it runs with the same ones
 * @param {string} [options.cacheEnding]
 */
function train(home, { listPath, nodeOptions = [], cacheEnding = 'cache' } = {}) {
  /** @param {readonly string[]} args */
  const run = (...args) =>
    spawnSync(process.execPath, args, {
      env: { ...process.env, SOVEREIGN_HOME: home, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
      timeout: 60_000,
    }).stdout.trim();
  const sandbox = run(program, 'create', '--quiet', '--no-workspace');
  const list = listPath === undefined ? [] : [listPath];
  run(...nodeOptions, join(home, 'train.cjs'), dist, moduleId('cli', main), sandbox, cacheEnding, ...list);
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
  train(home, { listPath });
  const list = /** @type {{ modules: string[], builtins: string[] }} */ (
    existsSync(listPath) ? JSON.parse(readFileSync(listPath, 'utf8')) : { modules: [], builtins: [] }
  );
  return { imports, usual: new Set([main, ...list.modules]), builtins: list.builtins };
}

/**
 * Bundles the chunks: the usual modules, all of which the snapshot asks for, and others that these ask for.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @param {ReadonlySet<string>} usual
 */
async function bundleChunks(imports, usual) {
  const chunkOf = (/** @type {string} */ path) => (usual.has(path) ? 'cli' : 'rest');
  const asked = { cli: usual, rest: /** @type {Set<string>} */ (new Set()) };
  for (const [path, imported] of imports) {
    for (const other of imported) if (usual.has(path) && !usual.has(other)) asked.rest.add(other);
  }
  for (const chunk of chunks) {
    await bundleChunk({
      outfile: join(dist, `${chunk}.cjs`),
      modules: [...asked[chunk]].sort(),
      elsewhere: (path) => (chunkOf(path) === chunk ? undefined : moduleId(chunkOf(path), path)),
    });
  }
}

/**
 * npm links `sovereign.cjs` when it installs, if it is there by then; after a clean clone it is built later.
 *
 * @param {string} command
 */
function linkCommand(command) {
  const directory = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
  if (!existsSync(directory)) return;
  const link = join(directory, 'sovereign');
  rmSync(link, { force: true });
  symlinkSync(relative(directory, command), link);
}

/** Removes what V8 compiled of chunks that are no more, or with other options. */
function removeCaches() {
  for (const name of readdirSync(dist)) {
    if (/^(?:cli|rest)\.[0-9a-f]{16}\.(?:snapshot-)?cache/.test(name)) rmSync(join(dist, name));
  }
}

const program = join(dist, 'sovereign.cjs');
await bundleProgram('sovereign.ts', program);
chmodSync(program, 0o755);
linkCommand(program);
removeCaches();
removeSnapshot(dist);
const home = mkdtempSync(join(tmpdir(), 'svb-'));
try {
  await bundleProgram('train.ts', join(home, 'train.cjs'));
  await bundleProgram('snapshot.ts', join(home, 'snapshot.cjs'));
  const { imports, usual, builtins } = await findUsual(home);
  await bundleChunks(imports, usual);
  train(home, { nodeOptions: snapshotOptions, cacheEnding: snapshotCacheEnding });
  const launcher = makeSnapshot({ directory: dist, script: join(home, 'snapshot.cjs'), builtins, home });
  if (launcher !== undefined) linkCommand(launcher);
  train(home);
} finally {
  rmSync(home, { recursive: true, force: true });
}
