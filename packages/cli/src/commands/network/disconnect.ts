import { argument, type CommandContext } from '../../command-context.ts';

/** `sovereign network disconnect`. JSON: `{"network","sandbox"}`. */
export async function run(context: CommandContext): Promise<number> {
  const [network, sandbox] = [argument(context, 0), argument(context, 1)];
  await (await context.client()).networks.disconnect(network, sandbox);
  if (context.isJson) await context.output.json({ network, sandbox });
  else await context.output.text(`${sandbox}\n`);
  return 0;
}
