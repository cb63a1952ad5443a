import type { GuestRecord } from '../contract/backend.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import type { ContainerHost } from '../containers/container-host.ts';
import { runtimeOf } from '../containers/engine-choice.ts';
import type { ActionPath } from '../runtime/action-path.ts';
import { sandboxNotFound } from '../runtime/sandbox-errors.ts';
import type { ActivityMonitor } from './activity-monitor.ts';
import type { Expiry } from './expiry.ts';
import { Garbage } from './garbage.ts';
import { Reaper } from './reaper.ts';
import { Scopes } from './scopes.ts';

export interface LifetimesInit {
  readonly host: ContainerHost;
  readonly activity: ActivityMonitor;
  /** The path of actions that are the reaper's own, so that the ledger tells them from those of the caller. */
  readonly actions: ActionPath;
}

/** How long what runs in an expired sandbox may take to end. */
const graceMs = 10_000;

/** How long sandboxes live: their limits, the tasks and sessions that they belong to, and what is left of them. */
export class Lifetimes {
  readonly #init: LifetimesInit;
  readonly #reaper: Reaper;
  #scopes: Scopes | undefined;
  #garbage: Garbage | undefined;

  constructor(init: LifetimesInit) {
    const { host, activity } = init;
    this.#init = init;
    this.#reaper = new Reaper({
      clock: host.clock,
      activity,
      list: async () => (await host.list()).sandboxes,
      expire: (record, expiry) => this.#expire(record, expiry),
    });
  }

  get scopes(): Scopes {
    return (this.#scopes ??= new Scopes(this.#init.host));
  }

  get garbage(): Garbage {
    const { host, activity } = this.#init;
    const expire = (record: GuestRecord, expiry: Expiry): Promise<void> => this.#expire(record, expiry);
    return (this.#garbage ??= new Garbage({ host, activity, expire }));
  }

  /** There is such a sandbox, and it may run: its limits count. */
  learn(spec: SandboxSpec): void {
    this.#reaper.learn(spec);
  }

  /** It is gone. */
  forget(id: SandboxId): void {
    this.#reaper.forget(id);
    this.#init.activity.forget(id);
  }

  close(): Promise<void> {
    return this.#reaper.close();
  }

  async #expire({ id, backend: name }: GuestRecord, { act }: Expiry): Promise<void> {
    const { host, actions } = this.#init;
    const backend = host.engines.backend(name);
    if (backend === undefined) throw sandboxNotFound(id);
    const guest = await backend.attach(id);
    const runtime = runtimeOf(backend);
    if (act === 'remove') {
      await actions.perform({ action: { kind: 'sandbox.remove', sandbox: id }, runtime }, () =>
        guest.remove(),
      );
      this.forget(id);
    } else {
      const state = await guest.status();
      if (state !== 'running' && state !== 'paused') return;
      await actions.perform({ action: { kind: 'sandbox.stop', sandbox: id, graceMs }, runtime }, () =>
        guest.stop({ graceMs }),
      );
    }
    await host.forget(id);
  }
}
