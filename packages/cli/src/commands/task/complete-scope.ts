import { argument, type CommandContext } from '../../command-context.ts';
import { exitCodes } from '../../errors/exit-codes.ts';
import { parseDuration } from '../../values/parse-duration.ts';

const defaultGraceMs = 5_000;

/** Ends a task or session and prints what was removed. JSON: `{"strategy","scope","removed":[id],"failed":[…]}`. */
export async function completeScope(context: CommandContext, strategy: 'task' | 'session'): Promise<number> {
  const scope = argument(context, 0);
  const graceMs = context.options.read('grace', parseDuration) ?? defaultGraceMs;
  const client = await context.client();
  const completing =
    strategy === 'task'
      ? client.completeTask(scope, { graceMs })
      : client.completeSession(scope, { graceMs });
  const completed = await context.progress.during(`Completing ${scope}`, completing);
  if (context.isJson) await context.output.json(completed);
  else {
    await context.output.text(completed.removed.map((id) => `${id}\n`).join(''));
    for (const { sandbox, message, hint } of completed.failed)
      await context.output.complain(`sovereign: ${sandbox}: ${message} ${hint}`);
  }
  return completed.failed.length > 0 ? exitCodes.failure : 0;
}
