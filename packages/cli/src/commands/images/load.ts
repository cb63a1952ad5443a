import { argument, type CommandContext } from '../../command-context.ts';
import { PullProgress } from '../../live/pull-progress.ts';
import { Interruption } from '../../process/interruption.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { shortDigest, shortName } from '../../text/image-name.ts';
import { archiveArgument } from '../../values/archive-argument.ts';

/** `sovereign images load`. JSON: `{"images":[image]}`. */
export async function run(context: CommandContext): Promise<number> {
  const interruption = new Interruption();
  try {
    const client = await context.client();
    const loading = client.images.load(archiveArgument(argument(context, 0)), {
      ...engineValue(context),
      signal: interruption.signal,
      onProgress: new PullProgress(context).take,
    });
    const images = await context.progress.during('Loading', loading);
    if (context.isJson) await context.output.json({ images });
    else {
      const names = images.flatMap(({ references, digest }) =>
        references.length > 0 ? references.map(shortName) : [shortDigest(digest)],
      );
      await context.output.text(names.map((name) => `${name}\n`).join(''));
    }
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
