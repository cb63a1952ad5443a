import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../phases/run-command.mjs';

/** What our sources import whole, as `import * as v from 'valibot'`, and read few names of. */
const library = 'valibot';

/**
 * The library with no more than the names that our sources read of it. esbuild leaves the rest out where it bundles ES modules;
 * of CommonJS, which lazy imports are, it cannot tell what is read, and the library would be evaluated with all its parts.
 *
 * @param {string} path the library's module
 * @returns {Promise<string>} an ES module
 */
export async function usedLibrary(path) {
  const exported = /** @type {object} */ (/** @type {unknown} */ (await import(path)));
  const names = [...namesRead()].filter((name) => name in exported).sort();
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names.join(', ')} } from ${JSON.stringify(path)};`, resolveDir: root },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${path}`);
  return file.text;
}

/** @param {string} path */
export const isUsedLibrary = (path) => path.includes(`/node_modules/${library}/`);

/** @returns {Set<string>} names of types among them */
function namesRead() {
  const names = /** @type {Set<string>} */ (new Set());
  for (const path of sources()) {
    const source = readFileSync(path, 'utf8');
    for (const [line] of source.matchAll(new RegExp(`^.*from '${library}';$`, 'gm'))) {
      const [, alias] = /^import \* as (\w+) from/.exec(line) ?? [];
      if (alias === undefined) throw new Error(`${path}: ${line} (expected import * as v from '${library}')`);
      for (const [, name] of source.matchAll(new RegExp(`\\b${alias}\\.(\\w+)`, 'g')))
        if (name) names.add(name);
    }
  }
  return names;
}

/** @returns {readonly string[]} the modules of all packages */
function sources() {
  const packages = join(root, 'packages');
  return readdirSync(packages).flatMap((name) => {
    const directory = join(packages, name, 'src');
    return readdirSync(directory, { recursive: true })
      .map((path) => join(directory, String(path)))
      .filter((path) => path.endsWith('.ts'));
  });
}
