import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { arrowTable, testRule } from './arrow-table.ts';

const scope = '@sovereign/';

/**
 * Judges one import of a file in `packages/<name>/src`.
 *
 * @param path Path of the importing file, from the root of the repository, with slashes.
 * @returns What is wrong with it, or nothing.
 */
export function judgeImport(path: string, specifier: string): string | undefined {
  const [, owner = '', ...inside] = path.split('/');
  const rule = arrowTable[owner];
  if (rule === undefined) return `package ${owner} has no row in scripts/arrows/arrow-table.ts`;
  if (specifier.startsWith('.')) return judgeRelative(path, owner, inside, specifier);

  const isTest = path.endsWith('.test.ts');
  if (specifier.startsWith(scope)) {
    const target = specifier.slice(scope.length).split('/')[0] ?? '';
    const allowed = [...rule.packages, ...(isTest ? testRule.packages : [])];
    if (allowed.includes(target)) return undefined;
    return `${owner} may not import ${target} (only ${listed(allowed)})`;
  }
  if (builtinModules.includes(specifier)) return `${specifier} is a module of Node: write node:${specifier}`;
  if (specifier.startsWith('node:')) {
    return rule.mayUseNode || isTest
      ? undefined
      : `${owner} may not import ${specifier}: it also runs in browsers`;
  }
  const library = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const libraries: readonly string[] = [...rule.libraries, ...(isTest ? testRule.libraries : [])];
  if (libraries.includes(library)) return undefined;
  return `${owner} may not import the library ${library} (only ${listed(libraries)})`;
}

function judgeRelative(
  path: string,
  owner: string,
  inside: readonly string[],
  specifier: string,
): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  const home = `packages/${owner}/src/`;
  if (!target.startsWith(home)) return `${specifier} leaves ${home}: import the package by its name`;
  const isSeparate = arrowTable[owner]?.hasSeparateFolders === true;
  const from = folderOf(inside.slice(1));
  const to = folderOf(target.slice(home.length).split('/'));
  if (!isSeparate || from === undefined || to === undefined || from === to) return undefined;
  return `folder ${from} of ${owner} may not import its sibling ${to}`;
}

/** The folder beneath `src` that a path lies in, if any. */
function folderOf(segments: readonly string[]): string | undefined {
  return segments.length > 1 ? segments[0] : undefined;
}

const listed = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));
