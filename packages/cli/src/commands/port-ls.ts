import type { CommandContext } from '../command-context.ts';
import { namesOf } from '../network/names.ts';
import { table } from '../text/table.ts';

/** `sovereign port ls`. JSON: `{"ports":[{"sandbox","port","hostAddress","hostPort","pid","isDetached"}]}` */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  if (context.isJson) {
    await context.output.json({ ports: topology.ports });
    return 0;
  }
  const nameOf = namesOf(topology);
  const rows = topology.ports.map(({ sandbox, port, hostAddress, hostPort, pid, isDetached }) => [
    nameOf(sandbox),
    String(port),
    hostAddress,
    String(hostPort),
    isDetached ? `broker ${pid}` : String(pid),
  ]);
  await context.output.text(table(['SANDBOX', 'PORT', 'ADDRESS', 'HOST PORT', 'HELD BY'], rows));
  return 0;
}
