import type { GuestRecord } from '../contract/backend.ts';
import type { Backend } from '../contract/backend.ts';
import type { Sweeper } from '../contract/leftovers.ts';
import type { ContainerHost } from '../containers/container-host.ts';
import { invalid } from '../runtime/argument-checks.ts';
import { isAbandoned } from '../pool/sweep-warm.ts';
import { toSovereignError } from '../runtime/to-sovereign-error.ts';
import type { ActivityMonitor } from './activity-monitor.ts';
import { expiryOf, type Expiry } from './expiry.ts';
import { isOwnerGone } from './owner.ts';

/** Something that nobody needs any more, and what a sweep would do with it. */
export interface GarbageItem {
  /** `sandbox/sbx_…`, `quilt/directory/…`: what `sweep` takes. */
  readonly id: string;
  /** `expired`, `orphan`, `broken`; or what a backend calls its leftover: `directory`, `cgroup`, `layer`, `root` … */
  readonly kind: string;
  readonly backend: string;
  readonly act: 'stop' | 'remove';
  /** Why nobody needs it. */
  readonly why: string;
  /** On disk, as far as it is known. */
  readonly bytes: number;
}

export interface GarbagePlan {
  readonly items: readonly GarbageItem[];
  /** Backends and engines that could not be looked through. */
  readonly problems: readonly { readonly backend: string; readonly message: string; readonly hint: string }[];
}

export interface SweptItem extends GarbageItem {
  /** Null when it was done. */
  readonly failure: { readonly reason: string; readonly message: string; readonly hint: string } | null;
}

interface Found {
  readonly item: GarbageItem;
  readonly sweep: () => Promise<void>;
}

export interface GarbageInit {
  readonly host: ContainerHost;
  readonly activity: ActivityMonitor;
  /** Stops or removes a sandbox whose limits have passed. */
  readonly expire: (record: GuestRecord, expiry: Expiry) => Promise<void>;
}

const maxItems = 100_000;
const nowhere = { type: 'process', tier: 'process', isIsolated: false } as const;

/**
 * Finds what crashes, limits and owners that are gone have left, and removes it on request (R-PRIM-7): sandboxes whose own
 * limits have passed, ephemeral ones whose maker is gone, broken ones, and what backends say that nobody needs. A sandbox
 * of a task, a session or a service is never garbage because its maker is gone.
 */
export class Garbage {
  readonly #init: GarbageInit;

  constructor(init: GarbageInit) {
    this.#init = init;
  }

  /** What a sweep would do. Looking changes nothing. */
  async plan(): Promise<GarbagePlan> {
    const { actions } = this.#init.host;
    return actions.perform(
      { action: { kind: 'gc.plan' }, runtime: nowhere, facts: ({ items }) => ({ items: items.length }) },
      async () => {
        const { found, problems } = await this.#look();
        return { items: found.map(({ item }) => item), problems };
      },
    );
  }

  /**
   * Does what the plan says: all of it, or the items that are named. Each is looked at again: what is in use by now is
   * left alone, and not in the answer.
   */
  async sweep(ids?: readonly string[]): Promise<readonly SweptItem[]> {
    if (ids !== undefined) checkIds(ids);
    const { found, sandboxes, problems } = await this.#look();
    if (problems.length === 0) this.#init.activity.prune(new Set(sandboxes.map(({ id }) => id)));
    const wanted = ids === undefined ? found : found.filter(({ item }) => ids.includes(item.id));
    if (wanted.length === 0) return [];
    const items = wanted.map(({ item }) => item.id);
    const facts = (swept: readonly SweptItem[]) => {
      const failed = swept.filter(({ failure }) => failure !== null).length;
      return { swept: swept.length - failed, failed };
    };
    return this.#init.host.actions.perform(
      { action: { kind: 'gc.sweep', items }, runtime: nowhere, facts },
      async () => {
        const swept: SweptItem[] = [];
        for (const { item, sweep } of wanted) swept.push({ ...item, failure: await failureOf(sweep) });
        return swept;
      },
    );
  }

  async #look(): Promise<{
    readonly found: readonly Found[];
    readonly sandboxes: readonly GuestRecord[];
    readonly problems: GarbagePlan['problems'];
  }> {
    const { host } = this.#init;
    const { sandboxes, problems } = await host.list();
    const found = sandboxes.flatMap((record) => this.#sandbox(record));
    const all = [...problems] as GarbagePlan['problems'][number][];
    const answers = await Promise.all((await host.engines.sweepers()).map((one) => leftoversOf(one)));
    for (const answer of answers) {
      found.push(...answer.found);
      if (answer.problem !== undefined) all.push(answer.problem);
    }
    return { found: found.slice(0, maxItems), sandboxes, problems: all };
  }

  #sandbox(record: GuestRecord): readonly Found[] {
    const { host, activity, expire } = this.#init;
    const { id, backend, spec, state } = record;
    const item = { id: `sandbox/${id}`, backend, bytes: 0 };
    const remove = (): Promise<void> => host.remove(id);
    if (state === 'broken') {
      const why = `it is broken: ${record.problem ?? 'its processes are gone'}`;
      return [{ item: { ...item, kind: 'broken', act: 'remove', why }, sweep: remove }];
    }
    const expiry = expiryOf(record, activity.lastMs(spec));
    if (expiry !== undefined && expiry.dueMs <= host.clock.nowMs()) {
      const why = `its ${expiry.limit === 'idle' ? 'idle limit' : 'greatest age'} has passed`;
      const sweep = (): Promise<void> => expire(record, expiry);
      return [{ item: { ...item, kind: 'expired', act: expiry.act, why }, sweep }];
    }
    if (spec.strategy === 'ephemeral' && isOwnerGone(spec)) {
      const why = 'it was made for one command, and the process that made it is gone';
      return [{ item: { ...item, kind: 'orphan', act: 'remove', why }, sweep: remove }];
    }
    if (isAbandoned(spec.pool)) {
      const why = 'it was kept warm by a process that is gone';
      return [{ item: { ...item, kind: 'orphan', act: 'remove', why }, sweep: remove }];
    }
    return [];
  }
}

async function leftoversOf({
  backend,
  sweeper,
}: {
  readonly backend: Backend;
  readonly sweeper: Sweeper;
}): Promise<{
  readonly found: readonly Found[];
  readonly problem?: GarbagePlan['problems'][number];
}> {
  try {
    const left = await sweeper.leftovers();
    const found = left.map((leftover): Found => {
      const { kind, id, why, bytes } = leftover;
      return {
        item: {
          id: `${backend.name}/${kind}/${id}`,
          kind,
          backend: backend.name,
          act: 'remove',
          why,
          bytes,
        },
        sweep: () => sweeper.sweep(leftover),
      };
    });
    return { found };
  } catch (error) {
    // An engine whose daemon went away hides nothing of the others.
    const { message, hint } = toSovereignError(error);
    return { found: [], problem: { backend: backend.name, message, hint } };
  }
}

async function failureOf(sweep: () => Promise<void>): Promise<SweptItem['failure']> {
  try {
    await sweep();
    return null;
  } catch (error) {
    const { reason, message, hint } = toSovereignError(error);
    return reason === 'sandbox.not-found' ? null : { reason, message, hint };
  }
}

function checkIds(ids: readonly string[]): void {
  const given: unknown = ids;
  const isList =
    Array.isArray(given) && given.length <= maxItems && given.every((id) => typeof id === 'string');
  if (!isList) throw invalid('items', given, 'ids of a plan');
}
