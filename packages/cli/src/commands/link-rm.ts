import { argument, type CommandContext } from '../command-context.ts';
import { endHeld } from '../network/end-held.ts';
import { idOf } from '../network/names.ts';
import { parseLinkTarget } from '../values/parse-link-target.ts';

/** `sovereign link rm` */
export async function run(context: CommandContext): Promise<number> {
  const target = parseLinkTarget(argument(context, 1), context.args[2]);
  const topology = await (await context.client()).topology();
  const [from, to] = [idOf(topology, argument(context, 0)), idOf(topology, target.to)];
  const { port } = target;
  const held = topology.links.filter((link) => link.from === from && link.to === to && link.port === port);
  await endHeld(context, held, {
    name: `link from ${from} to ${to}, port ${port}`,
    notFound: 'link.not-found',
  });
  return 0;
}
