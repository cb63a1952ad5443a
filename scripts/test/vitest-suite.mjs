import { existsSync, readFileSync, rmSync } from 'node:fs';
import process from 'node:process';
import { root, runNodeModule } from '../phases/run-command.mjs';
import { atLeastOneFailure } from './tally.mjs';

/**
 * Runs vitest and counts from what our own reporter wrote.
 *
 * @param {readonly string[]} projects Names as in vitest.config.ts; all when empty.
 * @returns {Promise<import('./tally.mjs').Tally>}
 */
export async function runVitest(projects) {
  const summaryPath = `build/test/vitest-${String(process.pid)}.json`;
  const args = ['run', ...projects.flatMap((name) => ['--project', name])];
  const env = { SOVEREIGN_TEST_SUMMARY: summaryPath };
  const outcome = await runNodeModule('vitest/vitest.mjs', args, { env, output: 'shown' });
  if (!existsSync(`${root}${summaryPath}`)) return { passed: 0, failed: outcome.ok ? 0 : 1, skipped: [] };
  const tally = /** @type {import('./tally.mjs').Tally} */ (
    JSON.parse(readFileSync(`${root}${summaryPath}`, 'utf8'))
  );
  rmSync(`${root}${summaryPath}`);
  return atLeastOneFailure(tally, outcome.ok);
}
