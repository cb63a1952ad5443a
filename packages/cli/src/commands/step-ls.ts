import type { CommandContext } from '../command-context.ts';
import { formatAge, formatSize } from '../text/format.ts';
import { neutralise } from '../text/neutralise.ts';
import { table } from '../text/table.ts';

const states = { applied: 'applied', interrupted: 'interrupted', underWay: 'under way' } as const;

/** `sovereign step ls`. JSON: `{"steps":[step]}`. */
export async function run({ args, options, output, isJson, client }: CommandContext): Promise<number> {
  const [sandbox] = args;
  const steps = await (await client()).steps.list(sandbox === undefined ? {} : { sandbox });
  if (isJson) await output.json({ steps });
  else if (options.has('quiet')) await output.text(steps.map(({ id }) => `${id}\n`).join(''));
  else {
    const now = Date.now();
    const rows = steps.map((step) => [
      step.id,
      step.sandboxName ?? step.sandbox,
      formatAge(step.appliedMs, now),
      states[step.state],
      String(step.paths),
      formatSize(step.bytes),
      neutralise(step.workspace),
    ]);
    await output.text(table(['STEP', 'OF', 'APPLIED', 'STATE', 'PATHS', 'KEPT', 'WORKSPACE'], rows));
  }
  return 0;
}
