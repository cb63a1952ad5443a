/**
 * Checks everything that must hold before a commit, each step by its name. A step that fails does not keep the others
 * from running. The last line is `N passed, N failed`, counting steps.
 *
 * Usage: npm run check [-- --only lint,types | --without tests] [--verbose]
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { say, sayOutput, sayPhase, secondsSince } from './phases/phase.mjs';
import { root, runCommand, runNodeModule, runScript } from './phases/run-command.mjs';
import { runPythonTests } from './test/python-suite.mjs';
import { runShelldTests } from './test/shelld-suite.mjs';
import { summaryLine } from './test/tally.mjs';
import { runVitest } from './test/vitest-suite.mjs';

/** @typedef {import('./phases/run-command.mjs').Outcome} Outcome */
/** @typedef {import('./test/tally.mjs').Tally} Tally */

/**
 * @param {Promise<Tally>} suite
 * @returns {Promise<Outcome>}
 */
async function asOutcome(suite) {
  const tally = await suite;
  const skips = tally.skipped.map(({ name, reason }) => `skipped ${name}: ${reason}\n`).join('');
  return { ok: tally.failed === 0, output: skips, end: summaryLine(tally) };
}

/** Cheap and telling steps first. */
/** @type {Readonly<Record<string, () => Promise<Outcome>>>} */
const steps = {
  format: () => runNodeModule('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']),
  arrows: () => runScript('scripts/check-arrows.ts', []),
  generated: () => runCommand(process.execPath, ['scripts/generate.mjs', '--check']),
  docs: () => runScript('scripts/check-docs.ts', []),
  requirements: () => runScript('scripts/check-requirements.ts', []),
  shell: () => runScript('scripts/check-shell.ts', []),
  types: () => runNodeModule('typescript/bin/tsc', ['-b']),
  'test-types': () => runNodeModule('typescript/bin/tsc', ['-p', 'tsconfig.tests.json']),
  lint: () => runNodeModule('eslint/bin/eslint.js', ['.']),
  shelld: () => asOutcome(runShelldTests()),
  python: () => asOutcome(runPythonTests()),
  tests: () => asOutcome(runVitest(['unit', 'contract'])),
};

/**
 * @param {string} flag
 * @returns {readonly string[] | undefined} The names after `--flag a,b`.
 */
function namesAfter(flag) {
  const index = process.argv.indexOf(flag);
  if (index === -1) return undefined;
  const names = (process.argv[index + 1] ?? '').split(',');
  const unknown = names.filter((name) => !Object.hasOwn(steps, name));
  if (unknown.length === 0) return names;
  say(
    `${flag}: no step is called ${unknown.join(', ')} (expected some of ${Object.keys(steps).join(', ')}).`,
  );
  process.exit(2);
}

const only = namesAfter('--only');
const without = namesAfter('--without') ?? [];
if (!existsSync(`${root}node_modules`)) {
  say('node_modules is missing. Run `npm test` once, which sets everything up.');
  process.exit(1);
}

/** @type {string[]} */
const failed = [];
let passed = 0;
for (const [name, run] of Object.entries(steps)) {
  if (without.includes(name) || only?.includes(name) === false) continue;
  const startedAt = performance.now();
  const outcome = await run();
  sayPhase(outcome.ok ? 'passed' : 'failed', name, `${outcome.end} · ${secondsSince(startedAt)}`);
  if (outcome.ok) {
    passed += 1;
    if (/\bwarning\b/.test(outcome.output)) sayOutput(outcome.output);
  } else {
    failed.push(name);
    sayOutput(outcome.output);
  }
}
if (failed.length > 0)
  say(`Failed: ${failed.join(', ')}. Run one alone with: npm run check -- --only ${failed[0] ?? ''}`);
say(summaryLine({ passed, failed: failed.length, skipped: [] }));
process.exitCode = failed.length === 0 ? 0 : 1;
