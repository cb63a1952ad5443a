import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import process from 'node:process';

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {{ name: string, reason: string }[]} skipped
 */

/**
 * A vitest reporter: prints why tests were skipped, and writes the counts as JSON to the file that
 * `SOVEREIGN_TEST_SUMMARY` names. A file that cannot be loaded and an error outside of any test count as failures.
 */
export default class SummaryReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} strayErrors
   */
  onTestRunEnd(modules, strayErrors) {
    /** @type {Tally} */
    const tally = { passed: 0, failed: strayErrors.length, skipped: [] };
    for (const module of modules) {
      tally.failed += module.errors().length;
      for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
      for (const test of module.children.allTests()) count(tally, module, test);
    }
    printSkips(tally.skipped);
    const target = process.env['SOVEREIGN_TEST_SUMMARY'];
    if (target === undefined || target === '') return;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, JSON.stringify(tally));
  }
}

/**
 * @param {Tally} tally
 * @param {import('vitest/node').TestModule} module
 * @param {import('vitest/node').TestCase} test
 */
function count(tally, module, test) {
  const result = test.result();
  if (result.state === 'passed') tally.passed += 1;
  else if (result.state === 'failed') tally.failed += 1;
  else if (result.state === 'skipped') {
    const name = `${relative(process.cwd(), module.moduleId)} > ${test.fullName}`;
    tally.skipped.push({ name, reason: result.note ?? reasonInName(test.name) });
  } else tally.failed += 1;
}

/**
 * Tests that are skipped before they run cannot leave a note; they end in `(not here: reason)`.
 *
 * @param {string} name
 * @returns {string}
 */
function reasonInName(name) {
  return /\(not here: (.*)\)$/.exec(name)?.[1] ?? 'no reason was given';
}

/** @param {Tally['skipped']} skipped */
function printSkips(skipped) {
  /** @type {Map<string, string[]>} */
  const namesByReason = new Map();
  for (const { name, reason } of skipped) {
    namesByReason.set(reason, [...(namesByReason.get(reason) ?? []), name]);
  }
  for (const [reason, names] of namesByReason) {
    process.stdout.write(`\n skipped ${String(names.length)}: ${reason}\n`);
    for (const name of names) process.stdout.write(`   ${name}\n`);
  }
}
