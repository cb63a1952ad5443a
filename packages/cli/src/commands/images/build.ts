import { resolve } from 'node:path';
import { argument, type CommandContext } from '../../command-context.ts';
import { UsageError } from '../../errors/usage-error.ts';
import { PullProgress } from '../../live/pull-progress.ts';
import { Interruption } from '../../process/interruption.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { shortDigest } from '../../text/image-name.ts';
import { parseEnv } from '../../values/parse-pairs.ts';

/** `sovereign images build`. JSON: `{"image"}`. */
export async function run(context: CommandContext): Promise<number> {
  const { options } = context;
  const reference = options.text('tag');
  if (reference === undefined)
    throw new UsageError('sovereign images build needs a name for the image.', 'Give it one: --tag app:1');
  const dockerfile = options.text('file');
  const target = options.text('target');
  const interruption = new Interruption();
  try {
    const client = await context.client();
    const building = client.images.build({
      contextPath: resolve(argument(context, 0)),
      reference,
      ...(dockerfile !== undefined && { dockerfile }),
      ...(target !== undefined && { target }),
      buildArgs: parseEnv(options.texts('build-arg'), context.env),
      ...engineValue(context),
      signal: interruption.signal,
      onProgress: new PullProgress(context).take,
    });
    const image = await context.progress.during(`Building ${reference}`, building);
    if (context.isJson) await context.output.json({ image });
    else await context.output.text(`${shortDigest(image.id)}\n`);
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
