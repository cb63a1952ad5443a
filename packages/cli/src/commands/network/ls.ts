import type { CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatAge } from '../../text/format.ts';
import { table } from '../../text/table.ts';

/** `sovereign network ls`. JSON: `{"networks":[network]}`. */
export async function run(context: CommandContext): Promise<number> {
  const networks = await (await context.client()).networks.list(engineValue(context));
  if (context.isJson) await context.output.json({ networks });
  else if (context.options.has('quiet'))
    await context.output.text(networks.map(({ name }) => `${name}\n`).join(''));
  else {
    const now = Date.now();
    const rows = networks.map(({ name, subnet, gateway, members, createdMs }) => [
      name,
      subnet,
      gateway,
      String(members.length),
      formatAge(createdMs, now),
    ]);
    await context.output.text(table(['NAME', 'SUBNET', 'GATEWAY', 'MEMBERS', 'CREATED'], rows));
  }
  return 0;
}
