import type { CommandContext } from '../command-context.ts';
import { formatAge, formatSize } from '../text/format.ts';
import { table } from '../text/table.ts';

/** `sovereign snapshot ls`. JSON: `{"snapshots":[…]}`. */
export async function run({ options, output, isJson, client }: CommandContext): Promise<number> {
  const snapshots = await (await client()).snapshots();
  if (isJson)
    await output.json({ snapshots: snapshots.map(({ spec, ...rest }) => ({ ...rest, sandbox: spec.id })) });
  else if (options.has('quiet')) await output.text(snapshots.map(({ id }) => `${id}\n`).join(''));
  else {
    const now = Date.now();
    const rows = snapshots.map(({ id, name, spec, backend, bytes, createdMs }) => [
      id,
      name,
      spec.name ?? spec.id,
      backend,
      formatSize(bytes),
      formatAge(createdMs, now),
    ]);
    await output.text(table(['ID', 'NAME', 'OF', 'RUNTIME', 'SIZE', 'TAKEN'], rows));
  }
  return 0;
}
