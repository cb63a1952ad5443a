import type { CommandContext } from '../command-context.ts';
import { namesOf } from '../network/names.ts';
import { table } from '../text/table.ts';

/** `sovereign link ls`. JSON: `{"links":[{"from","to","port","address","names","state","pid","isDetached"}]}` */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  if (context.isJson) {
    await context.output.json({ links: topology.links });
    return 0;
  }
  const nameOf = namesOf(topology);
  const rows = topology.links.map(({ from, to, port, address, state, pid, isDetached }) => [
    nameOf(from),
    nameOf(to),
    String(port),
    address,
    state,
    isDetached ? `broker ${pid}` : String(pid),
  ]);
  await context.output.text(table(['FROM', 'TO', 'PORT', 'ADDRESS', 'STATE', 'HELD BY'], rows));
  return 0;
}
