import type { GuestRecord } from '../contract/backend.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import type { Clock } from '../identity/clock.ts';
import type { ActivityMonitor } from './activity-monitor.ts';
import { expiryOf, type Expiry } from './expiry.ts';

export interface ReaperInit {
  readonly clock: Clock;
  readonly activity: ActivityMonitor;
  readonly list: () => Promise<readonly GuestRecord[]>;
  /** Stops or removes what has expired; an action of the reaper's. */
  readonly expire: (record: GuestRecord, expiry: Expiry) => Promise<void>;
}

const minDelayMs = 1_000;
/** What setTimeout takes. */
const maxDelayMs = 2_147_483_647;
/** After a failure: what could not be stopped just now is not tried again at once. */
const retryMs = 30_000;

/**
 * Ends sandboxes whose own limits have passed, in whatever process has the runtime open. It learns of them from what the
 * runtime creates, attaches to and lists; it has one timer, never below a second and only while a sandbox has limits,
 * that keeps no process alive.
 */
export class Reaper {
  readonly #init: ReaperInit;
  /** When each one that has limits is to be looked at; Unix time in milliseconds. */
  readonly #dueMs = new Map<SandboxId, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Infinity;
  #round: Promise<void> | undefined;
  #isClosed = false;

  constructor(init: ReaperInit) {
    this.#init = init;
  }

  /** There is such a sandbox. Costs nothing for one without limits. */
  learn(spec: SandboxSpec): void {
    if (spec.lifetime === undefined || this.#isClosed) return;
    this.#init.activity.watch(spec);
    // Its state is looked at when the time has come.
    const expiry = expiryOf({ spec, state: 'running' }, this.#init.activity.lastMs(spec));
    if (expiry === undefined) return;
    this.#dueMs.set(spec.id, expiry.dueMs);
    this.#arm();
  }

  forget(id: SandboxId): void {
    this.#dueMs.delete(id);
  }

  /** Looks now and ends what has expired. */
  sweep(): Promise<void> {
    return (this.#round ??= this.#sweep().finally(() => {
      this.#round = undefined;
      this.#arm();
    }));
  }

  /** What is being ended is ended; nothing more is begun. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#round;
    this.#init.activity.flush();
  }

  async #sweep(): Promise<void> {
    const { activity, clock } = this.#init;
    activity.keepAlive();
    const before = new Map(this.#dueMs);
    let records: readonly GuestRecord[];
    try {
      records = await this.#init.list();
    } catch {
      // A backend that cannot answer now is asked again.
      for (const id of before.keys()) this.#dueMs.set(id, clock.nowMs() + retryMs);
      return;
    }
    for (const id of before.keys()) this.#dueMs.delete(id);
    for (const record of records) {
      const { spec } = record;
      if (spec.lifetime === undefined) continue;
      activity.watch(spec);
      const expiry = expiryOf(record, activity.lastMs(spec));
      if (expiry === undefined) continue;
      this.#dueMs.set(spec.id, expiry.dueMs);
      if (expiry.dueMs <= clock.nowMs() && !this.#isClosed) await this.#expire(record, expiry);
    }
  }

  async #expire(record: GuestRecord, expiry: Expiry): Promise<void> {
    try {
      await this.#init.expire(record, expiry);
      this.forget(record.id);
    } catch {
      // The ledger has it; the sandbox stays listed.
      this.#dueMs.set(record.id, this.#init.clock.nowMs() + retryMs);
    }
  }

  #arm(): void {
    if (this.#isClosed || this.#round !== undefined) return;
    let nextMs = Infinity;
    for (const dueMs of this.#dueMs.values()) if (dueMs < nextMs) nextMs = dueMs;
    if (nextMs === this.#timerMs && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerMs = nextMs;
    if (nextMs === Infinity) return;
    const delayMs = Math.min(maxDelayMs, Math.max(minDelayMs, nextMs - this.#init.clock.nowMs()));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.sweep();
    }, delayMs);
    this.#timer.unref();
  }
}
