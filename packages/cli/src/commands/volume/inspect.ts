import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatAge, formatSize } from '../../text/format.ts';
import { properties } from '../../text/properties.ts';

/** `sovereign volume inspect`. JSON: `{"volume"}`. */
export async function run(context: CommandContext): Promise<number> {
  const volume = await (await context.client()).volumes.inspect(argument(context, 0), engineValue(context));
  if (context.isJson) {
    await context.output.json({ volume });
    return 0;
  }
  const { name, sizeBytes, createdMs, labels, users } = volume;
  await context.output.text(
    properties([
      ['Name', name],
      ['Quota', sizeBytes === null ? 'none' : formatSize(sizeBytes)],
      ['Created', `${new Date(createdMs).toISOString()} (${formatAge(createdMs, Date.now())})`],
      ['Used by', users.join(', ')],
      ...Object.entries(labels).map(([key, value]) => ['Label', `${key}=${value}`] as const),
    ]),
  );
  return 0;
}
