import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { PhaseError, say } from '../phases/phase.mjs';
import { root, runCommand } from '../phases/run-command.mjs';

/**
 * @typedef {object} LockedPackage
 * @property {string} [version]
 * @property {boolean} [link]
 * @property {boolean} [optional]
 */

/**
 * @param {string} path
 * @returns {Readonly<Record<string, LockedPackage>>}
 */
function readLock(path) {
  const lock = /** @type {{ packages?: Record<string, LockedPackage> }} */ (
    JSON.parse(readFileSync(path, 'utf8'))
  );
  return lock.packages ?? {};
}

/**
 * Compares package-lock.json with what npm recorded of node_modules: every locked version is there, every workspace
 * is linked. Packages for other platforms may be absent.
 *
 * @returns {boolean}
 */
export function arePackagesCurrent() {
  const installedLock = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const installed = readLock(installedLock);
  for (const [path, wanted] of Object.entries(readLock(join(root, 'package-lock.json')))) {
    if (!path.startsWith('node_modules/')) continue;
    if (wanted.link === true) {
      if (!existsSync(join(root, path))) return false;
    } else if (installed[path]?.version !== wanted.version) {
      if (wanted.optional !== true || installed[path] !== undefined) return false;
    } else if (!existsSync(join(root, path, 'package.json'))) return false;
  }
  return true;
}

/**
 * Installs what package-lock.json names, when it is not there already.
 *
 * @throws PhaseError when npm fails.
 */
export async function installNpmPackages() {
  if (arePackagesCurrent()) return '';
  say('… installing npm packages');
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const npmScript = process.env['npm_execpath'];
  const outcome =
    npmScript?.endsWith('.js') === true
      ? await runCommand(process.execPath, [npmScript, ...args])
      : await runCommand('npm', args);
  if (!outcome.ok) {
    throw new PhaseError(
      `npm ci failed: ${outcome.end}.`,
      'Check the network and the npm registry, then run the command again.',
      outcome.output,
    );
  }
  return 'installed';
}
