import type { CommandContext } from '../command-context.ts';
import { forEachSandbox } from '../sandbox/for-each-sandbox.ts';
import { parseDuration } from '../values/parse-duration.ts';

const defaultGraceMs = 5_000;

/** `sovereign restart` */
export function run(context: CommandContext): Promise<number> {
  const graceMs = context.options.read('grace', parseDuration) ?? defaultGraceMs;
  return forEachSandbox(context, 'Restarting', (client, idOrName) =>
    client.containers.restartContainer(idOrName, { graceMs }),
  );
}
