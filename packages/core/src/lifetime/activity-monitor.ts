import type { Action } from '../contract/action.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import type { Clock } from '../identity/clock.ts';
import type { ActionObserver } from '../runtime/action-path.ts';
import type { ActivityStore } from './activity-store.ts';

interface Watched {
  lastMs: number;
  /** Actions between their intent and their outcome: a command that runs for an hour is an hour of activity. */
  inFlight: number;
  storedMs: number;
  /** How far what is stored may lag behind. */
  readonly lagMs: number;
}

/** What only looks: it must not keep alive what it looks at. `egress.connect` is done by the sandbox, not with it. */
const passive: ReadonlySet<Action['kind']> = new Set<Action['kind']>([
  'sandbox.status',
  'sandbox.logs',
  'sandbox.stats',
  'sandbox.diff',
  'step.inspect',
  'network.inspect',
  'egress.connect',
]);
const maxLagMs = 30_000;

/**
 * Remembers when something was last done with the sandboxes that have an idle limit. On the path of every action it costs
 * a look into a map; what others must know of it is stored at most once in a quarter of the limit.
 */
export class ActivityMonitor implements ActionObserver {
  readonly #clock: Clock;
  readonly #store: ActivityStore;
  readonly #watched = new Map<SandboxId, Watched>();

  constructor(init: { readonly clock: Clock; readonly store: ActivityStore }) {
    this.#clock = init.clock;
    this.#store = init.store;
  }

  /** From now on its actions count. Does nothing for a sandbox without an idle limit. */
  watch({ id, lifetime, createdMs }: SandboxSpec): void {
    if (lifetime?.idleMs === undefined || this.#watched.has(id)) return;
    const lagMs = lagOf(lifetime.idleMs);
    const stored = this.#store.read(id);
    const lastMs = stored === undefined ? createdMs : stored + lagMs;
    this.#watched.set(id, { lastMs, inFlight: 0, storedMs: stored ?? createdMs, lagMs });
  }

  begun(action: Action): void {
    this.#count(action, 1);
  }

  ended(action: Action): void {
    this.#count(action, -1);
  }

  /**
   * When something was last done with it, by this process or another; never earlier than it was, and at most a quarter of
   * its idle limit (30 s at most) later.
   */
  lastMs({ id, lifetime, createdMs }: SandboxSpec): number {
    const one = this.#watched.get(id);
    if (one !== undefined && one.inFlight > 0) return this.#clock.nowMs();
    const stored = this.#store.read(id);
    // Of what another process stored, it may not have stored the newest.
    const others = stored === undefined ? createdMs : stored + lagOf(lifetime?.idleMs ?? 0);
    // What is stored by us alone is known exactly.
    if (one !== undefined && stored !== undefined && Math.abs(stored - one.storedMs) < 2) return one.lastMs;
    return Math.max(one?.lastMs ?? 0, others);
  }

  /** Stores that what is under way is under way, for other processes. */
  keepAlive(): void {
    for (const [id, one] of this.#watched) if (one.inFlight > 0) this.#note(id, one);
  }

  /** Stores the newest of everything: this process is about to end. */
  flush(): void {
    for (const [id, one] of this.#watched) if (one.lastMs !== one.storedMs) this.#write(id, one);
  }

  forget(id: SandboxId): void {
    this.#watched.delete(id);
    this.#store.forget(id);
  }

  /** Forgets what is stored of sandboxes that are none of these. */
  prune(known: ReadonlySet<SandboxId>): void {
    for (const id of this.#store.ids()) if (!known.has(id)) this.forget(id);
  }

  #count(action: Action, change: 1 | -1): void {
    if (this.#watched.size === 0 || !('sandbox' in action) || passive.has(action.kind)) return;
    const one = this.#watched.get(action.sandbox);
    if (one === undefined) return;
    one.inFlight = Math.max(0, one.inFlight + change);
    this.#note(action.sandbox, one);
  }

  #note(id: SandboxId, one: Watched): void {
    one.lastMs = this.#clock.nowMs();
    if (one.lastMs - one.storedMs >= one.lagMs) this.#write(id, one);
  }

  #write(id: SandboxId, one: Watched): void {
    this.#store.touch(id, one.lastMs);
    one.storedMs = one.lastMs;
  }
}

function lagOf(idleMs: number): number {
  return Math.min(idleMs / 4, maxLagMs);
}
