import type { CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatAge, formatSize } from '../../text/format.ts';
import { table } from '../../text/table.ts';

/** `sovereign volume ls`. JSON: `{"volumes":[volume]}`. */
export async function run(context: CommandContext): Promise<number> {
  const volumes = await (await context.client()).volumes.list(engineValue(context));
  if (context.isJson) await context.output.json({ volumes });
  else if (context.options.has('quiet'))
    await context.output.text(volumes.map(({ name }) => `${name}\n`).join(''));
  else {
    const now = Date.now();
    const rows = volumes.map(({ name, sizeBytes, users, createdMs }) => [
      name,
      sizeBytes === null ? 'none' : formatSize(sizeBytes),
      users.join(', '),
      formatAge(createdMs, now),
    ]);
    await context.output.text(table(['NAME', 'QUOTA', 'USED BY', 'CREATED'], rows));
  }
  return 0;
}
