import { SovereignError } from '@sovereign/protocol';
import { toSovereignError } from '../runtime/to-sovereign-error.ts';
import { ClaimQueue, exhausted } from './claim-queue.ts';
import { Disposals } from './disposals.ts';
import type { PoolStatus } from './pool-status.ts';
import { fillsToStart, restMs, warmTarget, type RefillState } from './refill-plan.ts';
import type { EntrySource, WarmEntry } from './warm-entry.ts';

export interface WarmPoolInit {
  readonly name: string;
  readonly size: number;
  readonly budgetBytes: number;
  readonly concurrency: number;
  readonly source: EntrySource;
}

export interface TakeOptions {
  readonly signal?: AbortSignal;
  /** Refuses with `pool.exhausted` when nothing is ready. Default false: it waits for the next one. */
  readonly isReadyOnly?: boolean;
}

/** How long the refill waits after a claim. Longer than a claim and a command take, shorter than anybody notices. */
const refillDelayMs = 50;

/**
 * Keeps entries ready and gives each of them to one taker.
 *
 * At rest it does nothing: that an entry died shows by the end of its channel. Timers run after a claim, until the refill
 * begins, and after a failure, for a second or more; none keeps a process alive.
 */
export class WarmPool {
  readonly #init: WarmPoolInit;
  readonly #ready: WarmEntry[] = [];
  readonly #queue: ClaimQueue;
  readonly #disposals: Disposals;
  readonly #fills = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #whenSettled: (() => void)[] = [];
  #rest: NodeJS.Timeout | undefined;
  #delay: NodeJS.Timeout | undefined;
  #failures = 0;
  #problem: SovereignError | undefined;
  #entryBytes: number | undefined;
  #claimed = 0;
  #lost = 0;
  #isOpen = true;
  #draining: Promise<void> | undefined;

  constructor(init: WarmPoolInit) {
    this.#init = init;
    this.#queue = new ClaimQueue(init.name);
    this.#disposals = new Disposals(init.source);
  }

  /** Takes over an entry that was made elsewhere, or was taken and is as good as before, and starts what is missing. */
  add(entry: WarmEntry): void {
    this.#entryBytes = Math.max(this.#entryBytes ?? 0, entry.memoryBytes);
    const isFitting = this.#readyBytes + entry.memoryBytes <= this.#init.budgetBytes;
    if (this.#isOpen && this.#queue.give(entry)) this.#handedOut();
    else if (this.#isOpen && isFitting) this.#keep(entry);
    else this.#disposals.begin(entry);
    this.#refill();
  }

  /**
   * Takes the entry that has been ready longest, or waits for one. It is the taker's from then on.
   *
   * @throws SovereignError `pool.exhausted`, `operation.cancelled`, `pool.not-found` when the pool was drained, or what
   *   kept an entry from being made for this claim
   */
  async take(options: TakeOptions = {}): Promise<WarmEntry> {
    const { name } = this.#init;
    if (!this.#isOpen) throw drained(name);
    // SAFETY: an entry leaves the list in the step that finds it there: it has one taker (warm-pool.test.ts).
    const ready = this.#ready.shift();
    if (ready !== undefined) {
      this.#handedOut();
      this.#refillSoon();
      return ready;
    }
    if (options.isReadyOnly === true) {
      this.#refill();
      throw exhausted(name, 'none is ready');
    }
    const given = this.#queue.wait(options.signal);
    this.#refill();
    return given;
  }

  /** Takes away an entry that was taken and found dead. */
  reject(entry: WarmEntry): void {
    this.#claimed--;
    this.#lost++;
    this.#disposals.begin(entry);
    this.#refill();
  }

  /** Takes back what was taken and not used. */
  giveBack(entry: WarmEntry): void {
    this.#claimed--;
    this.add(entry);
  }

  /** Resolves when all that may be kept ready is. @throws SovereignError what keeps it from that */
  async whenFull(): Promise<void> {
    if (this.#fills.size > 0 || this.#delay !== undefined)
      await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
    if (!this.#isOpen) throw drained(this.#init.name);
    if (this.#ready.length >= warmTarget(this.#state)) return;
    throw this.#problem ?? exhausted(this.#init.name, 'what was ready has been claimed');
  }

  status(): Omit<PoolStatus, 'name' | 'backend' | 'refill'> {
    const { size, budgetBytes } = this.#init;
    const problem = this.#problem?.message ?? this.#budgetProblem();
    return {
      size,
      ready: this.#ready.length,
      filling: this.#fills.size,
      waiting: this.#queue.length,
      claimed: this.#claimed,
      lost: this.#lost,
      memoryBytes: this.#readyBytes,
      budgetBytes,
      ...(problem !== undefined && { problem }),
    };
  }

  /**
   * Ends the pool: claims that wait are refused, what is on its way is given up, what is ready is removed. Resolves when
   * nothing of it is left. What was claimed stays.
   *
   * @throws Error why something could not be removed; calling again tries again
   */
  drain(): Promise<void> {
    this.#isOpen = false;
    return (this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    }));
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#rest);
    clearTimeout(this.#delay);
    this.#abort.abort();
    this.#queue.failAll(drained(this.#init.name));
    for (const entry of this.#ready.splice(0)) this.#disposals.begin(entry);
    await Promise.all(this.#fills);
    this.#settle();
    const ended = await Promise.allSettled([this.#disposals.finish(), this.#init.source.close()]);
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #keep(entry: WarmEntry): void {
    this.#ready.push(entry);
    void entry.channel.closed.then(() => this.#died(entry));
  }

  #handedOut(): void {
    this.#claimed++;
    this.#failures = 0;
  }

  /** A ready entry ended by itself; one that was claimed or removed meanwhile is no business of ours. */
  #died(entry: WarmEntry): void {
    const index = this.#ready.indexOf(entry);
    if (index < 0) return;
    this.#ready.splice(index, 1);
    this.#lost++;
    this.#disposals.begin(entry);
    this.#failed(
      new SovereignError({
        reason: 'guest.crashed',
        message: `Sandbox ${entry.guest.id} ended while pool ${this.#init.name} kept it ready.`,
        hint: 'When it happens again, look at what ends it: memory of the host, for instance.',
        context: { pool: this.#init.name, sandbox: entry.guest.id },
      }),
    );
    this.#refill();
  }

  /** Lets whoever has claimed one go first: bringing the next one up takes what the claimant's first command needs too. */
  #refillSoon(): void {
    this.#delay ??= setTimeout(() => this.#refill(), refillDelayMs).unref();
  }

  /** Starts what is missing. */
  #refill(): void {
    clearTimeout(this.#delay);
    this.#delay = undefined;
    if (!this.#isOpen) return;
    for (let missing = fillsToStart(this.#state); missing > 0; missing--) {
      const fill = this.#fill().finally(() => {
        this.#fills.delete(fill);
        this.#refill();
      });
      this.#fills.add(fill);
    }
    if (this.#fills.size === 0) this.#settle();
  }

  async #fill(): Promise<void> {
    try {
      const entry = await this.#init.source.make(this.#abort.signal);
      this.#problem = undefined;
      this.add(entry);
    } catch (error) {
      if (!this.#isOpen) return;
      const failure = toSovereignError(error);
      this.#queue.fail(failure);
      this.#failed(failure);
    }
  }

  #settle(): void {
    for (const settled of this.#whenSettled.splice(0)) settled();
  }

  #failed(problem: SovereignError): void {
    this.#problem = problem;
    this.#failures++;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.#refill();
    }, restMs(this.#failures)).unref();
  }

  get #readyBytes(): number {
    return this.#ready.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  get #state(): RefillState {
    const { size, budgetBytes, concurrency } = this.#init;
    return {
      size,
      budgetBytes,
      concurrency,
      ready: this.#ready.length,
      filling: this.#fills.size,
      waiting: this.#queue.length,
      entryBytes: this.#entryBytes,
      isResting: this.#rest !== undefined,
    };
  }

  #budgetProblem(): string | undefined {
    const kept = warmTarget(this.#state);
    if (this.#entryBytes === undefined || kept >= this.#init.size) return undefined;
    return `The budget of ${this.#init.budgetBytes} bytes keeps ${kept} ready: one takes ${this.#entryBytes}.`;
  }
}

function drained(pool: string): SovereignError {
  return new SovereignError({
    reason: 'pool.not-found',
    message: `Pool ${pool} was drained.`,
    hint: 'Open it again.',
    context: { pool },
  });
}
