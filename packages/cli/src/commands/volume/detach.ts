import { argument, type CommandContext } from '../../command-context.ts';

/** `sovereign volume detach`. JSON: `{"sandbox","path"}`. */
export async function run(context: CommandContext): Promise<number> {
  const [sandbox, path] = [argument(context, 0), argument(context, 1)];
  await (await context.client()).volumes.detach(sandbox, path);
  if (context.isJson) await context.output.json({ sandbox, path });
  else await context.output.text(`${path}\n`);
  return 0;
}
