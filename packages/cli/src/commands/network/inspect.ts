import { SovereignError } from '@sovereign/protocol';
import { argument, type CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatAge } from '../../text/format.ts';
import { properties } from '../../text/properties.ts';
import { table } from '../../text/table.ts';

/** `sovereign network inspect`. JSON: `{"network"}`. */
export async function run(context: CommandContext): Promise<number> {
  const wanted = argument(context, 0);
  const networks = await (await context.client()).networks.list(engineValue(context));
  const network = networks.find(({ name }) => name === wanted);
  if (network === undefined) throw notFound(wanted);
  if (context.isJson) {
    await context.output.json({ network });
    return 0;
  }
  const { name, subnet, gateway, createdMs, members } = network;
  const about = properties([
    ['Name', name],
    ['Subnet', subnet],
    ['Gateway', gateway],
    ['Created', `${new Date(createdMs).toISOString()} (${formatAge(createdMs, Date.now())})`],
  ]);
  const rows = members.map(({ sandbox, address, names }) => [sandbox, address, names.join(', ')]);
  await context.output.text(
    rows.length === 0 ? about : `${about}\n${table(['SANDBOX', 'ADDRESS', 'NAMES'], rows)}`,
  );
  return 0;
}

function notFound(name: string): SovereignError {
  return new SovereignError({
    reason: 'network.not-found',
    message: `No network has the name ${name.slice(0, 64)}.`,
    hint: 'List them with `sovereign network ls`.',
    context: { network: name.slice(0, 64) },
  });
}
