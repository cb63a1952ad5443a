/**
 * What a suite came to. `output` is shown when something failed.
 *
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {readonly { name: string, reason: string }[]} skipped
 */

/** @type {Tally} */
const nothing = { passed: 0, failed: 0, skipped: [] };

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function sum(tallies) {
  return tallies.reduce(
    (total, tally) => ({
      passed: total.passed + tally.passed,
      failed: total.failed + tally.failed,
      skipped: [...total.skipped, ...tally.skipped],
    }),
    nothing,
  );
}

/**
 * The one line that people and machines read at the end.
 *
 * @param {Tally} tally
 * @returns {string}
 */
export function summaryLine({ passed, failed, skipped }) {
  const line = `${String(passed)} passed, ${String(failed)} failed`;
  return skipped.length === 0 ? line : `${line}, ${String(skipped.length)} skipped`;
}

/**
 * A suite that ended badly has failed at least once, whatever it printed.
 *
 * @param {Tally} tally
 * @param {boolean} ok How its process ended.
 * @returns {Tally}
 */
export function atLeastOneFailure(tally, ok) {
  return ok || tally.failed > 0 ? tally : { ...tally, failed: 1 };
}
