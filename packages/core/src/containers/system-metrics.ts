import { cpus, freemem, loadavg, totalmem, uptime } from 'node:os';
import type { GuestRecord, GuestStats } from '../contract/backend.ts';
import type { SandboxListing } from '../runtime/sandbox-directory.ts';
import { toSovereignError } from '../runtime/to-sovereign-error.ts';
import type { ContainerHost } from './container-host.ts';
import { summaryOf, type ContainerSummary } from './container-summary.ts';

/** The host, as its kernel accounts for it. */
export interface HostMetrics {
  readonly cpus: number;
  /** Runnable tasks, averaged over 1, 5 and 15 minutes. */
  readonly loadAverage: readonly [number, number, number];
  readonly memoryTotalBytes: number;
  /** What programs could still get, caches given back. */
  readonly memoryAvailableBytes: number;
  /** CPU time that all CPUs have spent on anything but idling, in milliseconds. */
  readonly cpuBusyMs: number;
  readonly uptimeMs: number;
}

/** A container with what it uses; null for one that does not run, or whose backend does not measure. */
export interface ContainerMetrics extends ContainerSummary {
  readonly usage: GuestStats | null;
}

export interface SystemMetrics {
  readonly atMs: number;
  readonly host: HostMetrics;
  readonly containers: readonly ContainerMetrics[];
  /** The sum of what containers use. */
  readonly total: GuestStats;
  readonly problems: SandboxListing['problems'];
}

/** How many guests are measured at a time: an engine with a daemon answers each by a call of its own. */
const concurrency = 16;

export async function measureSystem(host: ContainerHost): Promise<SystemMetrics> {
  const runtime = { type: 'process', tier: 'process', isIsolated: false } as const;
  return host.actions.perform(
    {
      action: { kind: 'system.metrics' },
      runtime,
      facts: ({ containers }) => ({ containers: containers.length }),
    },
    async () => {
      const { sandboxes, problems } = await host.list();
      const containers = (await inTurns(sandboxes, (record) => measure(host, record))).filter(
        (one) => one !== undefined,
      );
      const total = { memoryBytes: 0, pids: 0, cpuUs: 0 };
      for (const { usage } of containers) {
        total.memoryBytes += usage?.memoryBytes ?? 0;
        total.pids += usage?.pids ?? 0;
        total.cpuUs += usage?.cpuUs ?? 0;
      }
      return { atMs: host.clock.nowMs(), host: measureHost(), containers, total, problems };
    },
  );
}

function measureHost(): HostMetrics {
  const processors = cpus();
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    cpus: processors.length,
    loadAverage: [one, five, fifteen],
    memoryTotalBytes: totalmem(),
    memoryAvailableBytes: freemem(),
    cpuBusyMs: processors.reduce(
      (sum, { times }) => sum + times.user + times.nice + times.sys + times.irq,
      0,
    ),
    uptimeMs: Math.round(uptime() * 1_000),
  };
}

/** One that ends while it is measured has no usage; that is no failure of the others. */
async function measure(host: ContainerHost, record: GuestRecord): Promise<ContainerMetrics | undefined> {
  const backend = host.engines.backend(record.backend);
  if (backend === undefined) return undefined;
  const summary = summaryOf(record, backend);
  const isMeasured = backend.capabilities.canStats && record.state === 'running';
  if (!isMeasured) return { ...summary, usage: null };
  try {
    const guest = await backend.attach(record.id);
    return { ...summary, usage: await guest.stats() };
  } catch (error) {
    const { reason } = toSovereignError(error);
    if (reason === 'sandbox.not-found') return undefined;
    return { ...summary, usage: null };
  }
}

async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += concurrency)
    results.push(...(await Promise.all(items.slice(at, at + concurrency).map(act))));
  return results;
}
