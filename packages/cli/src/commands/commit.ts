import { argument, type CommandContext } from '../command-context.ts';
import { imageConfig } from '../values/image-config.ts';
import { shortDigest } from '../text/image-name.ts';

/** `sovereign commit`. JSON: `{"image"}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const committing = client.containers.commitContainer(argument(context, 0), {
    reference: argument(context, 1),
    config: imageConfig(context),
  });
  const image = await context.progress.during('Committing', committing);
  if (context.isJson) await context.output.json({ image });
  else await context.output.text(`${shortDigest(image.id)}\n`);
  return 0;
}
