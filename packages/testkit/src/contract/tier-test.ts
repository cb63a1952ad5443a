import { describe, test } from 'vitest';
import { requiredNeeds } from '../requirements/host-needs.ts';

/** What stands in for a tier that this host does not have: the reason, or nothing when it is there. */
export type Absence = { readonly isMissing: false } | { readonly isMissing: true; readonly reason: string };

/**
 * A group of tests that needs a tier. Where the tier is missing it is skipped and says why; where SOVEREIGN_REQUIRE
 * names it, its absence is a failure.
 */
export function tierTest(tier: string, absence: Absence, group: () => void): void {
  if (!absence.isMissing) {
    describe(tier, group);
    return;
  }
  const required: ReadonlySet<string> = requiredNeeds();
  if (required.has(tier)) {
    test(`${tier} is available`, () => {
      throw new Error(`SOVEREIGN_REQUIRE names ${tier}, and it is not available: ${absence.reason}`);
    });
    return;
  }
  process.stderr.write(`skipped: ${tier}: ${absence.reason}\n`);
  test.skip(`${tier} (not here: ${absence.reason})`, () => undefined);
}
