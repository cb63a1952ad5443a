import { argument, type CommandContext } from '../command-context.ts';
import { endHeld } from '../network/end-held.ts';
import { idOf } from '../network/names.ts';
import { parsePublish } from '../values/parse-publish.ts';

/** `sovereign port rm`: without a host port, every one that leads to that port. */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  const id = idOf(topology, argument(context, 0));
  const { port, hostPort } = parsePublish(argument(context, 1), 'PORT');
  const held = topology.ports.filter(
    (one) => one.sandbox === id && one.port === port && (hostPort === 0 || one.hostPort === hostPort),
  );
  await endHeld(context, held, { name: `published port ${port} of ${id}`, notFound: 'port.not-found' });
  return 0;
}
