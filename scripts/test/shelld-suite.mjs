import process from 'node:process';
import { sayOutput } from '../phases/phase.mjs';
import { runCommand } from '../phases/run-command.mjs';
import { isOnPath } from '../setup/host-programs.mjs';
import { atLeastOneFailure } from './tally.mjs';

/**
 * Counts what C test programs print: TAP lines, else sums like `12 passed, 0 failed`.
 *
 * @param {string} output
 * @returns {import('./tally.mjs').Tally}
 */
export function countCTests(output) {
  let passed = 0;
  let failed = 0;
  const skipped = [];
  const isTap = /^(?:not )?ok\b/m.test(output);
  for (const line of output.split('\n')) {
    const tap = /^(not )?ok\b(?: \d+)?(?: -)? ?([^#]*)(?:# (?:skip|SKIP)\S* ?(.*))?$/.exec(line);
    if (tap !== null) {
      const [, isFailure, name = '', reason] = tap;
      if (reason !== undefined) skipped.push({ name: name.trim(), reason });
      else if (isFailure === undefined) passed += 1;
      else failed += 1;
    } else if (!isTap) {
      const [, good, bad] = /\b(\d+) passed(?:, (\d+) failed)?/.exec(line) ?? [];
      passed += Number(good ?? 0);
      failed += Number(bad ?? 0);
    }
  }
  return { passed, failed, skipped };
}

/**
 * Runs the tests of the guest daemon.
 *
 * @returns {Promise<import('./tally.mjs').Tally>}
 */
export async function runShelldTests() {
  if (process.platform === 'win32' || !isOnPath('make') || !isOnPath('cc')) {
    return {
      passed: 0,
      failed: 0,
      skipped: [{ name: 'guest daemon', reason: 'needs cc: no C compiler or make' }],
    };
  }
  const outcome = await runCommand('make', ['-C', 'packages/guest/shelld', 'test']);
  if (!outcome.ok) sayOutput(outcome.output);
  const tally = atLeastOneFailure(countCTests(outcome.output), outcome.ok);
  // A suite that passes and does not count is one test.
  return outcome.ok && tally.passed === 0 ? { ...tally, passed: 1 } : tally;
}
