/** Checks that every shell script parses. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { reportProblems } from './source/report-problems.ts';
import { trackedFiles } from './source/tracked-files.ts';

const problems = trackedFiles()
  .filter((path) => path.endsWith('.sh') || /^#!.*\b(?:ba)?sh\b/.test(firstLine(path)))
  .flatMap((path) => {
    const { status, stderr } = spawnSync('bash', ['-n', path], { encoding: 'utf8' });
    return status === 0 ? [] : [`${path}: ${stderr.trim()}`];
  });
reportProblems(problems);

function firstLine(path: string): string {
  return readFileSync(path).subarray(0, 64).toString('latin1').split('\n')[0] ?? '';
}
