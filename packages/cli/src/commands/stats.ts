import type { ContainerMetrics, Sovereign } from '@sovereign/sdk';
import { SovereignError } from '@sovereign/protocol';
import type { CommandContext } from '../command-context.ts';
import { liveView } from '../live/live-view.ts';
import { formatDuration, formatSize } from '../text/format.ts';
import { table } from '../text/table.ts';

interface Row {
  readonly sandbox: string;
  readonly name: string | null;
  readonly memoryBytes: number;
  readonly pids: number;
  readonly cpuUs: number;
  /** Of one CPU, since the look before; null at the first. */
  readonly cpuPercent: number | null;
}

interface Seen {
  readonly atMs: number;
  readonly host: object;
  readonly sandboxes: readonly Row[];
}

/** `sovereign stats`. JSON: `{"atMs","host","sandboxes":[{"sandbox","name","memoryBytes","pids","cpuUs","cpuPercent"}]}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  return liveView<Seen>(
    context,
    (before) => look(client, context.args, before),
    ({ sandboxes }) => {
      const rows = sandboxes.map(({ sandbox, name, memoryBytes, pids, cpuUs, cpuPercent }) => [
        sandbox,
        name ?? '',
        cpuPercent === null ? '' : `${cpuPercent.toFixed(1)} %`,
        formatSize(memoryBytes),
        String(pids),
        formatDuration(cpuUs / 1_000),
      ]);
      return table(['ID', 'NAME', 'CPU', 'MEMORY', 'PIDS', 'CPU TIME'], rows);
    },
  );
}

async function look(client: Sovereign, names: readonly string[], before: Seen | undefined): Promise<Seen> {
  const { atMs, host, containers } = await client.containers.getSystemMetrics();
  const wanted =
    names.length === 0
      ? containers
      : await Promise.all(names.map(async (name) => find(client, containers, name)));
  const sandboxes = wanted.flatMap(({ id, name, usage }): readonly Row[] => {
    if (usage === null) return [];
    const earlier = before?.sandboxes.find(({ sandbox }) => sandbox === id);
    const elapsedMs = atMs - (before?.atMs ?? atMs);
    const cpuPercent =
      earlier === undefined || elapsedMs <= 0
        ? null
        : Math.max(0, (usage.cpuUs - earlier.cpuUs) / (elapsedMs * 10));
    return [{ sandbox: id, name, ...usage, cpuPercent }];
  });
  return { atMs, host, sandboxes };
}

async function find(
  client: Sovereign,
  containers: readonly ContainerMetrics[],
  idOrName: string,
): Promise<ContainerMetrics> {
  const found = containers.find(({ id, name }) => id === idOrName || name === idOrName);
  const shown = idOrName.slice(0, 64);
  if (found === undefined)
    throw new SovereignError({
      reason: 'sandbox.not-found',
      message: `No sandbox has the id or name ${shown}.`,
      hint: 'List them with `sovereign ps --all`.',
      context: { sandbox: shown },
    });
  // Of one that runs, its backend says itself why it cannot be measured.
  const usage =
    found.usage ?? (found.state === 'running' ? await client.containers.getResourceUsage(found.id) : null);
  if (usage !== null) return { ...found, usage };
  throw new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${shown} is ${found.state} (running expected).`,
    hint: `Start it first: sovereign start ${shown}`,
    context: { sandbox: shown },
  });
}
