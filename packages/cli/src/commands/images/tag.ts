import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';

/** `sovereign images tag`. JSON: `{"image"}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const name = argument(context, 1);
  const image = await client.images.tag(argument(context, 0), name, engineValue(context));
  if (context.isJson) await context.output.json({ image });
  else await context.output.text(`${name}\n`);
  return 0;
}
