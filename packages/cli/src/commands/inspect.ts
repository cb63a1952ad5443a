import type { GuestRecord, ImageSpec, Sandbox } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { processJson } from '../json/process-json.ts';
import { recordJson } from '../json/sandbox-json.ts';
import { processTable } from '../process/process-table.ts';
import { findRecord } from '../sandbox/find-record.ts';
import { formatAge, formatDuration, formatSize } from '../text/format.ts';
import { properties } from '../text/properties.ts';

/**
 * `sovereign inspect`. JSON: `{"sandbox":{…},"runtime":{…}|null,"facilities":{…}|null,"processes":[…]|null}`; null for a
 * sandbox that does not run, and so has nothing to say.
 */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const record = await findRecord(client, argument(context, 0));
  const sandbox = record.state === 'running' ? await client.connect(record.id) : undefined;
  const processes = await sandbox?.processes();
  if (context.isJson) {
    await context.output.json({
      sandbox: recordJson(record),
      runtime: sandbox?.runtime ?? null,
      facilities: sandbox?.facilities ?? null,
      processes: processes?.map(processJson) ?? null,
    });
    return 0;
  }
  await context.output.text(describe(record, sandbox));
  if (processes !== undefined && processes.length > 0)
    await context.output.text(`\n${processTable(processes)}`);
  return 0;
}

function describe({ id, backend, state, problem, spec }: GuestRecord, sandbox: Sandbox | undefined): string {
  const { name, workspace, image, network, limits, env, labels, createdMs } = spec;
  const { volumes, strategy, scope, lifetime } = spec;
  const rows: (readonly [string, string | undefined])[] = [
    ['Id', id],
    ['Name', name],
    ['Runtime', sandbox?.runtimeLine.replace('Runtime: ', '') ?? backend],
    ['State', state],
    ['Problem', problem],
    ['Created', `${new Date(createdMs).toISOString()} (${formatAge(createdMs, Date.now())})`],
    ['Workspace', workspace && `${workspace.hostPath}${workspace.isReadOnly === true ? ' (read-only)' : ''}`],
    ['Inside', sandbox?.workspacePath],
    ['Granted', workspace?.granted?.join(', ')],
    ['Image', describeImage(image)],
    ['Network', network],
    ['Memory', limits.memoryBytes === undefined ? undefined : formatSize(limits.memoryBytes)],
    ['Pids', limits.pids?.toString()],
    ['CPUs', limits.cpus?.toString()],
    ...(volumes ?? []).map(
      ({ volume, guestPath, isReadOnly }) =>
        ['Volume', `${volume} at ${guestPath}${isReadOnly === true ? ' (read-only)' : ''}`] as const,
    ),
    ['Strategy', scope === undefined ? strategy : `${strategy ?? ''} ${scope}`],
    ['Idle limit', lifetime?.idleMs === undefined ? undefined : formatDuration(lifetime.idleMs)],
    ['Age limit', lifetime?.maxMs === undefined ? undefined : formatDuration(lifetime.maxMs)],
    ['Environment', Object.keys(env).join(', ') || undefined],
    [
      'Labels',
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(', ') || undefined,
    ],
    ...(sandbox?.runtime.layers ?? []).map(
      ({ name: layer, state: became, detail }) =>
        ['Layer', `${layer}: ${became}${detail === '' ? '' : ` (${detail})`}`] as const,
    ),
  ];
  return properties(rows);
}

function describeImage(image: ImageSpec): string {
  if (image.kind === 'host') return 'host';
  return image.kind === 'reference' ? image.reference : `${image.kind} ${image.path}`;
}
