import { argument, type CommandContext } from '../../command-context.ts';

/** `sovereign network connect`. JSON: `{"member"}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const member = await client.networks.connect(argument(context, 0), argument(context, 1), {
    aliases: context.options.texts('alias'),
  });
  if (context.isJson) await context.output.json({ member });
  else await context.output.text(`${member.address}\n`);
  return 0;
}
