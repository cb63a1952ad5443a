import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from '../phases/run-command.mjs';
import { bundle, cli } from './bundle.mjs';
import { lazyCommonJs, lazyModulePath } from './lazy-commonjs.mjs';
import { isUsedLibrary, usedLibrary } from './used-library.mjs';

const dist = join(cli, 'dist');

/** Functions that code of a chunk may call. */
const helpers = [
  'const sovereignDirectory = (path) => require("node:path").join(__dirname, path);',
  // Milliseconds of the clock that `performance.now()` reads, without the module that Node loads for it.
  'const sovereignNow = () => Number(process.hrtime.bigint()) / 1e6;',
  'const sovereignMark = (path) => (globalThis.sovereignEvaluated ??= new Set()).add(path);',
];

/** @type {import('esbuild').Plugin} */
const clock = {
  name: 'clock',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:perf_hooks$/ }, ({ path }) => ({ path, namespace: 'clock' }));
    bundler.onLoad({ filter: /.*/, namespace: 'clock' }, () => ({
      contents: 'exports.performance = { now: sovereignNow };',
    }));
  },
};

/**
 * The source of a module. A CommonJS file has no import.meta: a module that locates files beside itself gets the directory of its own source, from
 * where the bundle lies in the same tree: also when the command was linked elsewhere, which Node resolves.
 *
 * @param {string} path
 */
function readModule(path) {
  if (isUsedLibrary(path)) return usedLibrary(path);
  const directory = `sovereignDirectory(${JSON.stringify(relative(dist, dirname(path)))})`;
  return readFileSync(path, 'utf8').replaceAll('import.meta.dirname', directory);
}

/** @param {string} chunk @param {string} path */
export const moduleId = (chunk, path) => `chunk:${chunk}:${path}`;

/**
 * Bundles modules into one file, which ends with the hash of its content. Its exports are functions that evaluate a module, by path
 * in the repository; it asks `require` for the modules of other chunks by their id.
 *
 * @param {object} options
 * @param {string} options.outfile
 * @param {readonly string[]} options.modules those that the program and other chunks ask for; what they import comes with them
 * @param {(path: string) => string | undefined} [options.elsewhere] the id of a module that another chunk has
 * @param {boolean} [options.isRecording] evaluated modules are noted in `globalThis.sovereignEvaluated`
 * @returns {Promise<ReadonlyMap<string, readonly string[]>>} what each of its modules imports, by path in the repository
 */
export async function bundleChunk({ outfile, modules, elsewhere = () => undefined, isRecording = false }) {
  const inRepository = (/** @type {string} */ path) => relative(root, path);
  const exported = modules.map(
    (path) => `${JSON.stringify(path)}: () => require(${JSON.stringify(join(root, path))})`,
  );
  const { metafile } = await bundle({
    stdin: { contents: `module.exports = {${exported.join(',\n')}};`, resolveDir: root },
    outfile,
    // The function that Node makes of a module, made here: the loader has nothing to put together.
    banner: { js: `(function (exports, require, module, __filename, __dirname) {${helpers.join('')}` },
    footer: { js: '})' },
    minify: true,
    metafile: true,
    plugins: [
      clock,
      lazyCommonJs({
        read: readModule,
        close: (path) => (isRecording ? `sovereignMark(${JSON.stringify(inRepository(path))});` : ''),
        elsewhere: (path) => elsewhere(inRepository(path)),
      }),
    ],
  });
  const content = readFileSync(outfile, 'utf8');
  writeFileSync(outfile, `${content}//${createHash('sha256').update(content).digest('hex').slice(0, 16)}`);
  const pathsOf = (/** @type {readonly string[]} */ names) =>
    names.flatMap((name) => lazyModulePath(name) ?? []).map(inRepository);
  return new Map(
    Object.entries(metafile?.inputs ?? {}).flatMap(([name, { imports }]) =>
      pathsOf([name]).map((path) => [path, pathsOf(imports.map((one) => one.path))]),
    ),
  );
}
