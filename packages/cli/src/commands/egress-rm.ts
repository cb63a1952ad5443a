import { argument, type CommandContext } from '../command-context.ts';
import { endHeld } from '../network/end-held.ts';
import { idOf } from '../network/names.ts';

/** `sovereign egress rm` */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  const id = idOf(topology, argument(context, 0));
  const held = topology.egress.filter(({ sandbox }) => sandbox === id);
  await endHeld(context, held, { name: `egress of ${id}`, notFound: 'broker.not-found' });
  return 0;
}
