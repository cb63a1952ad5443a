import { sayOutput } from '../phases/phase.mjs';
import { runCommand } from '../phases/run-command.mjs';
import { isOnPath } from '../setup/host-programs.mjs';
import { atLeastOneFailure } from './tally.mjs';

/**
 * Counts what `python3 -m unittest -v` prints.
 *
 * @param {string} output
 * @returns {import('./tally.mjs').Tally}
 */
export function countPythonTests(output) {
  const total = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  const [, ending = ''] = /^(?:FAILED|OK)(?: \((.*)\))?\s*$/m.exec(output) ?? [];
  /** @type {(name: string) => number} */
  const count = (name) => Number(new RegExp(`(?:^|, )${name}=(\\d+)`).exec(ending)?.[1] ?? 0);
  const failed = count('failures') + count('errors') + count('unexpected successes');
  const skipped = [...output.matchAll(/^(\S+) .*\.\.\. skipped ['"](.*)['"]$/gm)].map(
    ([, name = '', reason = '']) => ({
      name,
      reason,
    }),
  );
  return { passed: Math.max(0, total - failed - skipped.length), failed, skipped };
}

/**
 * Runs the tests of the Python action library.
 *
 * @returns {Promise<import('./tally.mjs').Tally>}
 */
export async function runPythonTests() {
  if (!isOnPath('python3')) {
    return {
      passed: 0,
      failed: 0,
      skipped: [{ name: 'action library', reason: 'needs python: no python3' }],
    };
  }
  const args = ['-m', 'unittest', 'discover', '-v', '-s', 'python/tests', '-t', 'python'];
  const outcome = await runCommand('python3', args, { env: { PYTHONDONTWRITEBYTECODE: '1' } });
  if (!outcome.ok) sayOutput(outcome.output.replaceAll(/^.* \.\.\. ok\n/gm, ''));
  return atLeastOneFailure(countPythonTests(outcome.output), outcome.ok);
}
