import { argument, type CommandContext } from '../../command-context.ts';
import { PullProgress } from '../../live/pull-progress.ts';
import { Interruption } from '../../process/interruption.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { archiveArgument } from '../../values/archive-argument.ts';
import { imageConfig } from '../../values/image-config.ts';

/** `sovereign images import`. JSON: `{"image"}`. */
export async function run(context: CommandContext): Promise<number> {
  const reference = argument(context, 1);
  const interruption = new Interruption();
  try {
    const client = await context.client();
    const importing = client.images.import(archiveArgument(argument(context, 0)), {
      reference,
      config: imageConfig(context),
      ...engineValue(context),
      signal: interruption.signal,
      onProgress: new PullProgress(context).take,
    });
    const image = await context.progress.during('Importing', importing);
    if (context.isJson) await context.output.json({ image });
    else await context.output.text(`${reference}\n`);
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
