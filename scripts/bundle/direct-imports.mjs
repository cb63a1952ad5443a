import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';
import { root } from '../phases/run-command.mjs';

/** Where a name comes from: the module that has it, and what it is called there. */
/** @typedef {{ readonly specifier: string, readonly name: string }} Origin */

/** Where the names that a package's index passes on come from, by package. */
const passedOn = /** @type {Map<string, Promise<ReadonlyMap<string, Origin>>>} */ (new Map());

const importClause = /^import \{([^}]*)\} from "([^"]+)";$/gm;
const exportClause = /^export \{([^}]*)\};$/gm;
const ownPackage = /^@sovereign\/([\w-]+)$/;

/**
 * Names that are imported from a package of ours come from the module that has them: an index only passes names on, and has a
 * function for each of several hundred, which a command would read, compile and evaluate for the few that it wants.
 *
 * @param {string} code an ES module as esbuild writes it
 * @returns {Promise<string>}
 */
export async function directImports(code) {
  const clauses = await Promise.all(
    [...code.matchAll(importClause)].map(([, names = '', specifier = '']) => direct(names, specifier)),
  );
  return code.replaceAll(importClause, () => clauses.shift() ?? '');
}

/**
 * @param {string} names
 * @param {string} specifier
 */
async function direct(names, specifier) {
  const [, name] = ownPackage.exec(specifier) ?? [];
  const origins = name === undefined ? new Map() : await namesPassedOn(name);
  const bySource = /** @type {Map<string, string[]>} */ (new Map());
  for (const { name, as } of readNames(names)) {
    const origin = /** @type {Origin} */ (origins.get(name) ?? { specifier, name });
    bySource.set(origin.specifier, [...(bySource.get(origin.specifier) ?? []), `${origin.name} as ${as}`]);
  }
  return [...bySource]
    .map(([source, list]) => `import { ${list.join(', ')} } from ${JSON.stringify(source)};`)
    .join('\n');
}

/** @param {string} name of a package of ours, without its scope */
function namesPassedOn(name) {
  const known = passedOn.get(name) ?? readIndex(join(root, 'packages', name, 'src/index.ts'));
  passedOn.set(name, known);
  return known;
}

/**
 * @param {string} path
 * @returns {Promise<ReadonlyMap<string, Origin>>}
 */
async function readIndex(path) {
  // esbuild makes an import and an export of what is passed on.
  const { code } = await transform(await readFile(path, 'utf8'), { format: 'esm', loader: 'ts' });
  const imported = /** @type {Map<string, Origin>} */ (new Map());
  for (const [, names = '', specifier = ''] of code.matchAll(importClause)) {
    const [, other] = ownPackage.exec(specifier) ?? [];
    const elsewhere = other === undefined ? undefined : await namesPassedOn(other);
    for (const { name, as } of readNames(names))
      imported.set(as, elsewhere?.get(name) ?? { specifier: join(dirname(path), specifier), name });
  }
  const exported = [...code.matchAll(exportClause)].flatMap(([, names = '']) => readNames(names));
  return new Map(exported.flatMap(({ name, as }) => [[as, imported.get(name)]]).filter(hasOrigin));
}

/**
 * @param {(string | Origin | undefined)[]} entry
 * @returns {entry is [string, Origin]}
 */
function hasOrigin(entry) {
  return entry[1] !== undefined;
}

/** @param {string} names as they stand between braces */
function readNames(names) {
  return names
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const [name = text, as = name] = text.split(' as ');
      return { name, as };
    });
}
