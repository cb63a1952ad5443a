import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { parseLabels } from '../../values/parse-pairs.ts';
import { parseSize } from '../../values/parse-size.ts';

/** `sovereign volume create`. JSON: `{"volume"}`. */
export async function run(context: CommandContext): Promise<number> {
  const sizeBytes = context.options.read('size', parseSize);
  const volume = await (
    await context.client()
  ).volumes.create(argument(context, 0), {
    ...engineValue(context),
    ...(sizeBytes !== undefined && { sizeBytes }),
    labels: parseLabels(context.options.texts('label')),
  });
  if (context.isJson) await context.output.json({ volume });
  else await context.output.text(`${volume.name}\n`);
  return 0;
}
