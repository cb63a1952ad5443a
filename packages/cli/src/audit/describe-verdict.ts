import type { LedgerVerdict } from '@sovereign/sdk';
import { neutralise } from '../text/neutralise.ts';

const shownProblems = 20;

/** What was found of the ledger, for people. */
export function describeVerdict({
  ok,
  lanes,
  records,
  problems,
  intentsWithoutOutcome,
}: LedgerVerdict): string {
  const lines = [
    `${ok ? '✓' : '✗'} ledger: ${records} records in ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}`,
  ];
  if (ok) lines.push('  every record is intact and continues the one before');
  for (const { lane, line, what } of problems.slice(0, shownProblems)) {
    lines.push(`  lane ${lane}${line === 0 ? '' : `, line ${line}`}: ${what}`);
  }
  if (problems.length > shownProblems)
    lines.push(`  and ${problems.length - shownProblems} more (--json shows up to 1,000)`);
  const open = intentsWithoutOutcome.length;
  if (open > 0)
    lines.push(
      `  ${open} ${open === 1 ? 'action has' : 'actions have'} no outcome: in flight, or cut off by a crash`,
    );
  return lines.map((line) => `${neutralise(line)}\n`).join('');
}
