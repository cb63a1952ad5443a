import type { LedgerFilter, LedgerRecord } from '@sovereign/sdk';
import { actionRow } from '../audit/action-row.ts';
import type { CommandContext } from '../command-context.ts';
import { findRecord } from '../sandbox/find-record.ts';
import { table } from '../text/table.ts';
import { parseCount } from '../values/parse-number.ts';
import { parseSince } from '../values/parse-since.ts';

const defaultLimit = 50;
/** Rows that are laid out at once when there is no limit. */
const pageRows = 1_000;

interface RecordedAction {
  readonly intent: LedgerRecord;
  outcome: LedgerRecord | undefined;
}

/**
 * `sovereign audit list`. JSON: one line an action, `{"at","id","actor","action","runtime","outcome":{…}|null}`; the members
 * are as the ledger has them.
 */
export async function run(context: CommandContext): Promise<number> {
  const limit = context.options.read('limit', parseCount) ?? defaultLimit;
  const filter = await filterOf(context);
  const records = (await context.client()).readLedger({ ...filter, kinds: ['intent', 'outcome'] });
  const actions = new Map<string, RecordedAction>();
  let isFirst = true;
  for await (const record of records) {
    const known = actions.get(record.id);
    if (record.kind === 'outcome') {
      if (known !== undefined) known.outcome = record;
      continue;
    }
    actions.set(record.id, { intent: record, outcome: undefined });
    if (limit > 0) {
      const [oldest] = actions.keys();
      if (actions.size > limit && oldest !== undefined) actions.delete(oldest);
    } else if (actions.size > 2 * pageRows) {
      await show([...actions.values()].slice(0, pageRows), context, isFirst);
      for (const id of [...actions.keys()].slice(0, pageRows)) actions.delete(id);
      isFirst = false;
    }
  }
  await show([...actions.values()], context, isFirst);
  return 0;
}

async function show(
  actions: readonly RecordedAction[],
  { isJson, output }: CommandContext,
  hasHeader: boolean,
): Promise<void> {
  if (isJson) {
    for (const { intent, outcome } of actions) {
      const { actor, action, runtime } = intent.members;
      await output.json({
        at: intent.at,
        id: intent.id,
        actor,
        action,
        runtime,
        outcome: outcome?.members['outcome'] ?? null,
      });
    }
    return;
  }
  const rows = table(
    ['TIME', 'VIA', 'ACTION', 'SANDBOX', 'WHAT', 'RESULT'],
    actions.map(({ intent, outcome }) => actionRow(intent, outcome)),
  );
  await output.text(hasHeader ? rows : rows.slice(rows.indexOf('\n') + 1));
}

async function filterOf({ options, client }: CommandContext): Promise<LedgerFilter> {
  const sinceMs = options.read('since', (text, option) => parseSince(text, option, Date.now()));
  const named = options.text('sandbox');
  // Of one that is gone only the id is known.
  const sandbox =
    named === undefined || named.startsWith('sbx_') ? named : (await findRecord(await client(), named)).id;
  return { ...(sinceMs !== undefined && { sinceMs }), ...(sandbox !== undefined && { sandbox }) };
}
