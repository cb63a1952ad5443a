import type { CommandContext } from '../command-context.ts';
import { Interruption } from '../process/interruption.ts';
import { imageOf } from '../sandbox/create-options.ts';
import { formatSize } from '../text/format.ts';
import { neutralise } from '../text/neutralise.ts';
import { table } from '../text/table.ts';

/** `sovereign microvm build`. JSON: `{"artifacts":[{"kind","path","digest","bytes"}]}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const image = imageOf(context.options.text('image'));
  const interruption = new Interruption();
  try {
    const building = client.buildMicrovm({
      image: typeof image === 'string' ? { kind: 'host' } : image,
      signal: interruption.signal,
      onProgress: (text) => {
        context.progress.detail = neutralise(text.trim().split('\n').at(-1) ?? '').slice(0, 80);
      },
    });
    const artifacts = await context.progress.during('Building', building);
    if (context.isJson) await context.output.json({ artifacts });
    else {
      const rows = artifacts.map(({ kind, bytes, digest, path }) => [
        kind,
        formatSize(bytes),
        digest.slice(0, 12),
        path,
      ]);
      await context.output.text(table(['WHAT', 'SIZE', 'DIGEST', 'PATH'], rows));
    }
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
