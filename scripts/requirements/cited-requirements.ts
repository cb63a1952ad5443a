import { readFileSync } from 'node:fs';
import { trackedFiles } from '../source/tracked-files.ts';
import { citationsOf, type Citation } from './citations-of.ts';

/** Where tests live: beside the code, in the contract suites of testkit, under tests, and with the other languages. */
const testPaths = [
  /^packages\/[^/]+\/src\/.*\.test\.ts$/,
  /^packages\/testkit\/src\/contract\/.*\.ts$/,
  /^tests\/.*\.ts$/,
  /^python\/tests\/.*\.py$/,
  /^packages\/guest\/shelld\/tests\/.*\.[ch]$/,
];

/** Every citation in the tests of the repository, which is the working directory, by path. */
export function readCitations(): readonly Citation[] {
  return trackedFiles()
    .filter((path) => testPaths.some((pattern) => pattern.test(path)))
    .sort()
    .flatMap((path) => citationsOf(path, readFileSync(path, 'utf8')));
}
