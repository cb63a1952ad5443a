/**
 * Runs every test there is: vitest (unit, contract, integration), the guest daemon's, the action library's. The last
 * line sums them up: `N passed, N failed`, and `, N skipped` when some were.
 */
import process from 'node:process';
import { say, sayPhase, secondsSince } from './phases/phase.mjs';
import { runPythonTests } from './test/python-suite.mjs';
import { checkRequiredPrograms } from './test/required-programs.mjs';
import { runShelldTests } from './test/shelld-suite.mjs';
import { sum, summaryLine } from './test/tally.mjs';
import { runVitest } from './test/vitest-suite.mjs';

/** @typedef {import('./test/tally.mjs').Tally} Tally */

/**
 * @param {string} title
 * @param {() => Promise<Tally>} run
 * @returns {Promise<Tally>}
 */
async function suite(title, run) {
  const startedAt = performance.now();
  const tally = await run();
  const state = tally.failed > 0 ? 'failed' : tally.passed === 0 ? 'skipped' : 'passed';
  sayPhase(state, title, `${summaryLine(tally)} · ${secondsSince(startedAt)}`);
  return tally;
}

const required = checkRequiredPrograms();
const guestDaemon = await suite('guest daemon', runShelldTests);
const python = await suite('action library', runPythonTests);
const typeScript = await suite('packages', () => runVitest([]));

for (const { name, reason } of [...guestDaemon.skipped, ...python.skipped]) say(`skipped ${name}: ${reason}`);
const total = sum([required, guestDaemon, python, typeScript]);
process.exitCode = total.failed === 0 ? 0 : 1;
say(summaryLine(total));
