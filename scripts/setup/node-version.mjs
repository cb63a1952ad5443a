import process from 'node:process';
import { PhaseError } from '../phases/phase.mjs';

const lowest = [20, 19];

/**
 * @param {string} version As in `process.versions.node`.
 * @returns {boolean}
 */
export function isNodeRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [lowestMajor = 0, lowestMinor = 0] = lowest;
  return major > lowestMajor || (major === lowestMajor && minor >= lowestMinor);
}

/** @throws PhaseError when this Node is too old for the tools of the repository. */
export function checkNodeVersion() {
  const { node } = process.versions;
  if (!isNodeRecent(node)) {
    throw new PhaseError(
      `Node.js is too old: ${node} (${lowest.join('.')} or later).`,
      'Install a current Node.js, for example from https://nodejs.org, and run the command again.',
    );
  }
  return node;
}
