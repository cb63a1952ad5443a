import type { ApplyStep, Sovereign, UndoChange } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { changeLine } from '../text/change-line.ts';
import { formatAge } from '../text/format.ts';

/** `sovereign undo`. JSON: a line of `{"step","changes":[change]}` for each step, as it is undone. */
export async function run(context: CommandContext): Promise<number> {
  const { options, output, progress, isJson } = context;
  const isDry = options.has('dry-run');
  const isForced = options.has('force');
  if (isDry && isForced)
    throw new UsageError('--dry-run does not go with --force.', 'Leave one of them out.');
  const client = await context.client();
  for (const step of await stepsOf(context.args, client)) {
    const undoing = isDry ? planned(client, step.id) : client.steps.undo(step.id, { isForced });
    const changes = await progress.during(isDry ? 'Comparing' : 'Undoing', undoing);
    if (isJson) {
      await output.json({ step: step.id, changes });
      continue;
    }
    await output.text(
      changes.map((change) => changeLine(change, change.isChanged ? 'changed since' : '')).join(''),
    );
    const age = formatAge(step.appliedMs, Date.now());
    await output.note(
      `${isDry ? 'Would undo' : 'Undid'} ${step.id} of ${step.sandboxName ?? step.sandbox} in ${step.workspace}, applied ${age}.`,
    );
  }
  return 0;
}

/** Steps that are meant, newest first. */
async function stepsOf(args: readonly string[], { steps }: Sovereign): Promise<readonly ApplyStep[]> {
  const [first, ...rest] = args;
  if (first === undefined) return [await steps.latest({ within: process.cwd() })];
  const isStep = first.startsWith('stp_');
  const ids = isStep ? args : rest;
  const filter = isStep ? {} : { sandbox: first };
  if (ids.length === 0) return [await steps.latest(filter)];
  const found = await Promise.all([...new Set(ids)].map((id) => steps.find(id, filter)));
  return found.sort((left, right) => right.appliedMs - left.appliedMs);
}

async function planned({ steps }: Sovereign, id: string): Promise<readonly UndoChange[]> {
  const changes: UndoChange[] = [];
  for await (const change of steps.plan(id)) changes.push(change);
  return changes;
}
