import type { Sovereign } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { describeFailure } from '../errors/describe-failure.ts';

/**
 * Does something to each thing named, also when it failed for one before, and prints what it gives. Resolves with the exit
 * code of the first failure. JSON: `{"done":[…],"failed":[{"name","error"}]}`.
 */
export async function forEachName<T>(
  context: CommandContext,
  what: string,
  act: (client: Sovereign, name: string) => Promise<T>,
  line: (done: T, name: string) => string = (_, name) => name,
): Promise<number> {
  const client = await context.client();
  const done: T[] = [];
  const failed: { name: string; error: object }[] = [];
  let exitCode = 0;
  for (const name of context.args) {
    try {
      const made = await context.progress.during(`${what} ${name}`, act(client, name));
      done.push(made);
      if (!context.isJson) await context.output.text(`${line(made, name)}\n`);
    } catch (thrown) {
      const { error, exitCode: code } = describeFailure(thrown);
      exitCode ||= code;
      failed.push({ name, error });
      if (!context.isJson)
        await context.output.complain(`sovereign: ${error.message} ${error.hint}`.trimEnd());
    }
  }
  if (context.isJson) await context.output.json({ done, failed });
  return exitCode;
}
