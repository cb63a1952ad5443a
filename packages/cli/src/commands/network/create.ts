import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';

/** `sovereign network create`. JSON: `{"network"}`. */
export async function run(context: CommandContext): Promise<number> {
  const subnet = context.options.text('subnet');
  const network = await (
    await context.client()
  ).networks.create(argument(context, 0), {
    ...engineValue(context),
    ...(subnet !== undefined && { subnet }),
  });
  if (context.isJson) await context.output.json({ network });
  else await context.output.text(`${network.name}\n`);
  return 0;
}
