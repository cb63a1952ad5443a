import type { CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatAge, formatSize } from '../../text/format.ts';
import { shortDigest, shortName } from '../../text/image-name.ts';
import { table } from '../../text/table.ts';

/** `sovereign images ls`. JSON: `{"images":[image]}`. */
export async function run(context: CommandContext): Promise<number> {
  const images = await (await context.client()).images.list(engineValue(context));
  if (context.isJson) {
    await context.output.json({ images });
    return 0;
  }
  const now = Date.now();
  const named = images.flatMap((image) =>
    (image.references.length > 0 ? image.references : ['']).map((reference) => ({ reference, image })),
  );
  if (context.options.has('quiet')) {
    const lines = named.map(({ reference, image }) => shortName(reference) || image.digest);
    await context.output.text(lines.map((line) => `${line}\n`).join(''));
    return 0;
  }
  const hasDigests = context.options.has('digests');
  const rows = named
    .toSorted((a, b) => (shortName(a.reference) < shortName(b.reference) ? -1 : 1))
    .map(({ reference, image }) => [
      reference === '' ? '(no name, in use)' : shortName(reference),
      hasDigests ? image.digest : shortDigest(image.id),
      image.platform,
      formatSize(image.bytes),
      formatAge(image.createdMs, now),
    ]);
  const header = ['NAME', hasDigests ? 'DIGEST' : 'ID', 'PLATFORM', 'SIZE', 'CREATED'];
  await context.output.text(table(header, rows));
  return 0;
}
