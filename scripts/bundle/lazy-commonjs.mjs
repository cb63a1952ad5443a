import { dirname } from 'node:path';
import { transformAsync } from '@babel/core';
import { transform } from 'esbuild';
import { root } from '../phases/run-command.mjs';
import { directImports } from './direct-imports.mjs';
import { nodeTarget } from './node-target.mjs';

const namespace = 'lazy';
/** Added to the path of a module for esbuild, which takes an `.mjs` for no CommonJS whatever is in it. */
const extension = '.cjs';
/** What a resolution of our own carries, so that it is not resolved again. */
const asked = Symbol('asked by lazy-commonjs');
/** What was made of each module, by path: all bundles are made of the same ones. */
const transformed = /** @type {Map<string, Promise<string>>} */ (new Map());

/**
 * Makes every import lazy: a module is evaluated when a name that was imported from it is first read, and one of Node is loaded
 * then. The order of evaluation that ES modules promise is lost with it, which modules without side effects do not notice. esbuild
 * has nothing like it; in Babel it is called `lazy`.
 *
 * @param {object} options
 * @param {(path: string) => string | Promise<string>} options.read the source of a module
 * @param {(path: string) => string} options.close what follows a module's code when it has been evaluated
 * @param {(path: string) => string | undefined} options.elsewhere the id of a module that is in another bundle
 * @returns {import('esbuild').Plugin}
 */
export function lazyCommonJs({ read, close, elsewhere }) {
  return {
    name: 'lazy-commonjs',
    setup(bundler) {
      bundler.onResolve({ filter: /.*/ }, async (args) => {
        if (args.pluginData === asked) return undefined;
        const { importer, resolveDir } = args;
        // What Babel made a `require` of was an import, for which a package may have another entry.
        const kind =
          args.namespace === namespace && args.kind === 'require-call' ? 'import-statement' : args.kind;
        const found = await bundler.resolve(args.path, { importer, resolveDir, kind, pluginData: asked });
        const isModule = found.namespace === 'file' && !found.external && /\.(?:ts|mjs)$/.test(found.path);
        if (!isModule || found.errors.length > 0) return found;
        const id = elsewhere(found.path);
        return id === undefined
          ? { path: `${found.path}${extension}`, namespace }
          : { path: id, external: true };
      });
      bundler.onLoad({ filter: /.*/, namespace }, async (args) => {
        const path = args.path.slice(0, -extension.length);
        let code = transformed.get(path);
        if (code === undefined) transformed.set(path, (code = toLazy(path, read)));
        return { contents: `${await code}\n${close(path)}`, resolveDir: dirname(path) };
      });
    },
  };
}

/**
 * The path of a module by its name in esbuild's metafile; undefined for what is no lazy module.
 *
 * @param {string} name
 */
export function lazyModulePath(name) {
  const prefix = `${namespace}:`;
  return name.startsWith(prefix) ? name.slice(prefix.length, -extension.length) : undefined;
}

/**
 * @param {string} path
 * @param {(path: string) => string | Promise<string>} read
 */
async function toLazy(path, read) {
  const { code } = await transform(await read(path), {
    format: 'esm',
    loader: path.endsWith('.ts') ? 'ts' : 'js',
    target: nodeTarget,
  });
  const lazy = await transformAsync(await directImports(code), {
    babelrc: false,
    configFile: false,
    cwd: root,
    filename: path,
    plugins: [
      [
        '@babel/plugin-transform-modules-commonjs',
        {
          lazy: () => true,
          // As Node has it: the default of one of its own modules is all of it. Other modules are imported by name.
          importInterop: (/** @type {string} */ specifier) =>
            specifier.startsWith('node:') ? 'node' : 'none',
        },
      ],
    ],
  });
  if (typeof lazy?.code !== 'string') throw new Error(`Babel made nothing of ${path}`);
  return lazy.code;
}
