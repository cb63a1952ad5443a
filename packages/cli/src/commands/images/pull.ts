import type { CommandContext } from '../../command-context.ts';
import { PullProgress } from '../../live/pull-progress.ts';
import { Interruption } from '../../process/interruption.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { shortName } from '../../text/image-name.ts';
import { forEachName } from '../for-each-name.ts';

/** `sovereign images pull`. JSON: `{"done":[image],"failed":[{"name","error"}]}`. */
export async function run(context: CommandContext): Promise<number> {
  const platform = context.options.text('platform');
  const interruption = new Interruption();
  const options = {
    ...engineValue(context),
    ...(platform !== undefined && { platform }),
    signal: interruption.signal,
  };
  try {
    const exitCode = await forEachName(
      context,
      'Pulling',
      (client, name) => client.images.pull(name, { ...options, onProgress: new PullProgress(context).take }),
      ({ references }, name) => references.map(shortName).find((one) => one.includes(name)) ?? name,
    );
    return interruption.exitCode ?? exitCode;
  } finally {
    interruption.close();
  }
}
