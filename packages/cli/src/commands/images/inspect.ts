import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { properties } from '../../text/properties.ts';
import { formatAge, formatSize } from '../../text/format.ts';
import { quoted } from '../../process/process-table.ts';

/** `sovereign images inspect`. JSON: `{"image"}`. */
export async function run(context: CommandContext): Promise<number> {
  const image = await (await context.client()).images.inspect(argument(context, 0), engineValue(context));
  if (context.isJson) {
    await context.output.json({ image });
    return 0;
  }
  const { config, createdMs } = image;
  const created =
    createdMs === 0
      ? undefined
      : `${new Date(createdMs).toISOString()} (${formatAge(createdMs, Date.now())})`;
  await context.output.text(
    properties([
      ...image.references.map((reference) => ['Name', reference] as const),
      ['Id', image.id],
      ['Digest', image.digest],
      ['Platform', image.platform],
      ['Created', created],
      ['Size', formatSize(image.bytes)],
      ['Entry point', config.entrypoint.map(quoted).join(' ')],
      ['Command', config.command.map(quoted).join(' ')],
      ['Directory', config.workingDirectory],
      ['User', config.user],
      ['Ports', config.exposedPorts.join(', ')],
      ['Environment', Object.keys(config.env).join(', ')],
      ...Object.entries(config.labels).map(([key, value]) => ['Label', `${key}=${value}`] as const),
      ...image.layers.map((layer) => ['Layer', layer] as const),
    ]),
  );
  return 0;
}
