import { argument, type CommandContext } from '../../command-context.ts';

/** `sovereign volume attach`. JSON: `{"sandbox","volume","path","isReadOnly"}`. */
export async function run(context: CommandContext): Promise<number> {
  const [sandbox, volume, path] = [argument(context, 0), argument(context, 1), argument(context, 2)];
  const isReadOnly = context.options.has('read-only');
  await (await context.client()).volumes.attach(sandbox, { volume, path, isReadOnly });
  if (context.isJson) await context.output.json({ sandbox, volume, path, isReadOnly });
  else await context.output.text(`${path}\n`);
  return 0;
}
