import type { ChangeRecord, EngineEvent } from '../contract/container-engine.ts';
import type { GuestStats } from '../contract/backend.ts';
import type { LimitSpec } from '../contract/sandbox-spec.ts';
import { requireCapability } from '../runtime/sandbox-lifecycle.ts';
import type { SandboxListing } from '../runtime/sandbox-directory.ts';
import type { ContainerHost } from './container-host.ts';
import { readLogs, type LogOptions, type ProcessLog } from './container-logs.ts';
import { statusOf, summaryOf, type ContainerStatus, type ContainerSummary } from './container-summary.ts';
import { engineOf, requireAbility, runtimeOf } from './engine-choice.ts';
import { mergeEvents } from './merge-events.ts';
import { measureSystem, type SystemMetrics } from './system-metrics.ts';

/** Containers of all backends. */
export interface ContainerListing {
  /** Oldest first. */
  readonly containers: readonly ContainerSummary[];
  /** Backends that could not say what they have. */
  readonly problems: SandboxListing['problems'];
}

/** What is there, what it does and what it uses (R-PRIM-2 and 4): from live processes and the kernel's accounting. */
export class Introspection {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  async list(): Promise<ContainerListing> {
    const { sandboxes, problems } = await this.#host.list();
    const containers = sandboxes.flatMap((record) => {
      const backend = this.#host.engines.backend(record.backend);
      return backend === undefined ? [] : [summaryOf(record, backend)];
    });
    return { containers, problems };
  }

  async status(container: string): Promise<ContainerStatus> {
    const { guest, backend } = await this.#host.find(container);
    const action = { kind: 'sandbox.status', sandbox: guest.id } as const;
    return this.#host.actions.perform(
      { action, runtime: runtimeOf(backend), facts: ({ state }) => ({ state }) },
      async () => {
        const state = await guest.status();
        const records = state === 'broken' ? await backend.list() : [];
        const problem = records.find(({ id }) => id === guest.id)?.problem;
        const record = { spec: guest.spec, state, ...(problem !== undefined && { problem }) };
        return statusOf(record, backend, guest.workspacePath);
      },
    );
  }

  /**
   * What is retained of the output of the container's processes, per process and stream.
   *
   * @throws SovereignError `sandbox.not-running`, `process.not-found`
   */
  async logs(container: string, options: LogOptions = {}): Promise<readonly ProcessLog[]> {
    const handle = await this.#host.attach(container);
    const action = { kind: 'sandbox.logs', sandbox: handle.id } as const;
    return this.#host.actions.perform(
      { action, runtime: handle.report, facts: (logs) => ({ processes: logs.length }) },
      () => readLogs(handle, options),
    );
  }

  /** Memory, processes and CPU time of one container, from the kernel's accounting. */
  async usage(container: string): Promise<GuestStats> {
    const { guest, backend } = await this.#host.find(container);
    requireCapability(
      { backend: backend.name, capabilities: backend.capabilities },
      'canStats',
      'measure use of resources',
    );
    const action = { kind: 'sandbox.stats', sandbox: guest.id } as const;
    return this.#host.actions.perform({ action, runtime: runtimeOf(backend) }, () => guest.stats());
  }

  /** Changes the ceilings of a running container. @throws SovereignError `capability.missing`, `limit.unsupported` */
  async setLimits(container: string, limits: LimitSpec): Promise<void> {
    await (await this.#host.attach(container)).setLimits(limits);
  }

  /** The host and every container that runs. */
  system(): Promise<SystemMetrics> {
    return measureSystem(this.#host);
  }

  /** What a container changed against its image, sorted by path. The action begins with the iteration and ends with it. */
  async *diff(container: string): AsyncGenerator<ChangeRecord, void, undefined> {
    const { guest, backend } = await this.#host.find(container);
    const chosen = engineOf(backend);
    requireAbility(chosen, 'diff');
    const begun = this.#host.actions.begin({ kind: 'sandbox.diff', sandbox: guest.id }, chosen.runtime);
    let changes = 0;
    let isSettled = false;
    try {
      for await (const change of chosen.engine.diff(guest.id)) {
        changes++;
        yield change;
      }
    } catch (error) {
      isSettled = true;
      throw begun.fail(error);
    } finally {
      if (!isSettled) begun.succeed({ changes });
    }
  }

  /** What happens on every container engine from now on, until the signal. Looks, and does nothing: no action. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return mergeEvents(
      this.#host.engines.all().map(({ engine }) => engine),
      signal,
    );
  }
}
