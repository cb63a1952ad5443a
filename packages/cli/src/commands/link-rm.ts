import { argument, type CommandContext } from '../command-context.ts';
import { endHeld } from '../network/end-held.ts';
import { idOf } from '../network/names.ts';
import { parsePort } from '../values/parse-publish.ts';

/** `sovereign link rm` */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  const [from, to] = [idOf(topology, argument(context, 0)), idOf(topology, argument(context, 1))];
  const port = parsePort(argument(context, 2), 'PORT');
  const held = topology.links.filter((link) => link.from === from && link.to === to && link.port === port);
  await endHeld(context, held, {
    name: `link from ${from} to ${to}, port ${port}`,
    notFound: 'link.not-found',
  });
  return 0;
}
