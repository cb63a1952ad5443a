import type { Sovereign } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { describeFailure } from '../errors/describe-failure.ts';

/**
 * Does something to each sandbox named, also when it failed for one before, and prints its name. Resolves with the exit code of
 * the first failure. JSON: `{"done":["dev"],"failed":[{"sandbox":"x","error":{…}}]}`.
 */
export async function forEachSandbox(
  context: CommandContext,
  what: string,
  act: (client: Sovereign, idOrName: string) => Promise<void>,
): Promise<number> {
  const client = await context.client();
  const done: string[] = [];
  const failed: { sandbox: string; error: object }[] = [];
  let exitCode = 0;
  for (const idOrName of context.args) {
    try {
      await context.progress.during(`${what} ${idOrName}`, act(client, idOrName));
      done.push(idOrName);
      if (!context.isJson) await context.output.text(`${idOrName}\n`);
    } catch (thrown) {
      const { error, exitCode: code } = describeFailure(thrown);
      exitCode ||= code;
      failed.push({ sandbox: idOrName, error });
      if (!context.isJson)
        await context.output.complain(`sovereign: ${error.message} ${error.hint}`.trimEnd());
    }
  }
  if (context.isJson) await context.output.json({ done, failed });
  return exitCode;
}
