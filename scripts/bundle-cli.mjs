/**
 * Bundles the `sovereign` command into packages/cli/dist: CommonJS starts in half the time that ESM takes.
 *
 * - `sovereign.cjs`, the program: as little as `--version` needs, and the loader of
 * - `cli.cjs`, everything else in one chunk, whose modules are evaluated when a command asks for them;
 * - `cli.<hash>.cache`, what V8 compiled of that chunk while the usual commands ran.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const cli = fileURLToPath(new URL('../packages/cli', import.meta.url));
const dist = join(cli, 'dist');
const manifest = /** @type {{ version: string }} */ (
  JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'))
);

/**
 * A CommonJS file has no import.meta. A module that locates files beside itself gets the url of its own source, from where
 * the bundle lies in the same tree: also when the command was linked elsewhere, which Node resolves.
 *
 * @type {import('esbuild').Plugin}
 */
const importMetaUrl = {
  name: 'import-meta-url',
  setup(bundler) {
    bundler.onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      if (!source.includes('import.meta.url')) return undefined;
      const url = `sovereignSourceUrl(${JSON.stringify(relative(dist, path))})`;
      return { contents: source.replaceAll('import.meta.url', url), loader: 'ts' };
    });
  },
};
/** Modules of Node that few commands need, or need late, by the functions that are used of them. */
const lazyModules = {
  child_process: ['execFile', 'spawn', 'spawnSync'],
  crypto: ['createHash', 'hash', 'randomBytes'],
  'fs/promises': [
    'lstat',
    'mkdir',
    'open',
    'readFile',
    'readdir',
    'readlink',
    'rename',
    'rm',
    'stat',
    'symlink',
    'unlink',
    'writeFile',
  ],
  'dns/promises': ['lookup'],
  http: ['request'],
  https: [],
  zlib: ['createGunzip'],
  os: [
    'availableParallelism',
    'cpus',
    'freemem',
    'homedir',
    'loadavg',
    'networkInterfaces',
    'release',
    'totalmem',
    'uptime',
    'userInfo',
  ],
  'timers/promises': ['setTimeout'],
};

/** Modules that are themselves loaded when they are needed, and make classes of what Node has: for them it is loaded at once. */
const lateModules = /\/docker\/(engine-route|read-tls-files)\.ts$/;

/**
 * Loads these when the first of their functions is called: together they take 4 ms, which `exec` would pay for nothing. A
 * function that is not listed fails the build.
 *
 * @type {import('esbuild').Plugin}
 */
const lazyNodeModules = {
  name: 'lazy-node-modules',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/, namespace: 'file' }, ({ path, importer }) =>
      (path === 'node:perf_hooks' || path.slice('node:'.length) in lazyModules) && !lateModules.test(importer)
        ? { path, namespace: 'lazy' }
        : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => {
      if (path === 'node:perf_hooks')
        return { contents: 'export const performance = { now: sovereignNow };' };
      const names = Object.entries(lazyModules).find(([name]) => path === `node:${name}`)?.[1] ?? [];
      const load = `const load = () => require(${JSON.stringify(path)});\n`;
      return {
        contents:
          load +
          'export default new Proxy({}, { get: (_, name) => load()[name] });\n' +
          names.map((name) => `export const ${name} = (...args) => load().${name}(...args);`).join('\n'),
      };
    });
  },
};

/** Milliseconds of the clock that `performance.now()` reads, without the module that Node loads for it. */
const now = 'const sovereignNow = () => Number(process.hrtime.bigint()) / 1e6;';
const sourceUrl =
  'const sovereignSourceUrl = (path) => require("node:url").pathToFileURL(require("node:path").join(__dirname, path)).href;';

/**
 * @param {string} entry
 * @param {import('esbuild').BuildOptions} options
 */
function bundle(entry, options) {
  return build({
    entryPoints: [join(cli, 'src', entry)],
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    charset: 'ascii',
    conditions: ['@sovereign/source'],
    define: { sovereignVersion: JSON.stringify(manifest.version), 'performance.now': 'sovereignNow' },
    // Large, with native parts, and for the docker backend only: loaded from node_modules when it is used. The last are compiled
    // parts of libraries, which do without them where they are not.
    external: ['docker-modem', 'tar-stream', '@balena/dockerignore', '*.node'],
    // By `require`: the chunk is compiled where Node offers no import().
    supported: { 'dynamic-import': false },
    plugins: [importMetaUrl, lazyNodeModules],
    logLevel: 'warning',
    ...options,
  });
}

/** Ends the chunk with the hash of its content, which names its cache. */
async function buildChunk() {
  const outfile = join(dist, 'cli.cjs');
  // The function that Node makes of a module, made here: the loader has nothing to put together.
  const banner = { js: `(function (exports, require, module, __filename, __dirname) {${sourceUrl}${now}` };
  await bundle('main.ts', {
    outfile,
    banner,
    footer: { js: '})' },
    minifySyntax: true,
    minifyWhitespace: true,
  });
  const content = readFileSync(outfile, 'utf8');
  const mark = createHash('sha256').update(content).digest('hex').slice(0, 16);
  writeFileSync(outfile, `${content}//${mark}`);
  for (const name of readdirSync(dist)) {
    if (/^cli\.[0-9a-f]{16}\.cache/.test(name)) rmSync(join(dist, name));
  }
  return outfile;
}

/**
 * Runs the usual commands once, in a home of their own, in a sandbox where this host can make one. Without a cache the command
 * works the same, some 10 ms slower.
 *
 * @param {string} chunk
 */
async function buildCache(chunk) {
  const home = mkdtempSync(join(tmpdir(), 'svb-'));
  /** @param {readonly string[]} args */
  const run = (...args) =>
    spawnSync(process.execPath, args, {
      env: { ...process.env, SOVEREIGN_HOME: home, NODE_OPTIONS: '' },
      stdio: 'ignore',
      timeout: 60_000,
    });
  try {
    const outfile = join(home, 'write-cache.cjs');
    await bundle('bin/write-cache.ts', { outfile });
    run(program, 'create', '--quiet', '--no-workspace', '--name', 'warm');
    run(outfile, chunk);
    run(program, 'rm', '--force', 'warm');
  } finally {
    rmSync(home, { recursive: true, force: true });
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
await bundle('bin/sovereign.ts', { outfile: program, banner: { js: '#!/usr/bin/env node' } });
chmodSync(program, 0o755);
linkProgram();
await buildCache(await buildChunk());
