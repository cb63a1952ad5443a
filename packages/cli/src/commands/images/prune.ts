import { SovereignError } from '@sovereign/protocol';
import type { ImageRecord } from '@sovereign/sdk';
import type { CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatSize } from '../../text/format.ts';
import { shortDigest, shortName } from '../../text/image-name.ts';
import { table } from '../../text/table.ts';

/** `sovereign images prune`. JSON: `{"isDone","images":[{"image","isRemoved"}],"bytes"}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const engine = engineValue(context);
  const isForced = context.options.has('force');
  const [images, { sandboxes }] = await Promise.all([client.images.list(engine), client.list()]);
  const used = new Set<string>();
  for (const { spec } of sandboxes)
    if (spec.image.kind === 'reference') used.add(await digestOf(spec.image.reference));
  const unused = images.filter(({ digest }) => !used.has(digest));
  const found: { image: ImageRecord; isRemoved: boolean }[] = [];
  for (const image of unused) found.push({ image, isRemoved: isForced && (await remove(image)) });
  const bytes = found
    .filter(({ isRemoved }) => isRemoved || !isForced)
    .reduce((sum, { image }) => sum + image.bytes, 0);
  if (context.isJson) await context.output.json({ isDone: isForced, images: found, bytes });
  else {
    const rows = found.map(({ image, isRemoved }) => [
      image.references.map(shortName).join(', ') || shortDigest(image.digest),
      formatSize(image.bytes),
      isRemoved ? 'removed' : isForced ? 'in use' : 'not in use',
    ]);
    await context.output.text(table(['NAME', 'SIZE', 'STATE'], rows));
    if (!isForced && found.length > 0)
      await context.output.note(`Nothing was removed. With --force, ${formatSize(bytes)} at most would be.`);
  }
  return 0;

  async function digestOf(reference: string): Promise<string> {
    const image = await client.images.inspect(reference, engine).catch(() => undefined);
    return image?.digest ?? '';
  }

  /** The engine has the last word on whether it is in use. */
  async function remove({ references, digest }: ImageRecord): Promise<boolean> {
    try {
      for (const name of references.length > 0 ? references : [digest])
        await client.images.remove(name, engine);
      return true;
    } catch (error) {
      if (error instanceof SovereignError && ['image.in-use', 'image.not-found'].includes(error.reason))
        return false;
      throw error;
    }
  }
}
