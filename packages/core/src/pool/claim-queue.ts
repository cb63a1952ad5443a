import { SovereignError } from '@sovereign/protocol';
import { cancelled, throwIfCancelled } from '../runtime/to-sovereign-error.ts';
import type { WarmEntry } from './warm-entry.ts';

interface Waiter {
  resolve(entry: WarmEntry): void;
  reject(error: Error): void;
}

/** More would wait for longer than anybody means to. */
const maxWaiting = 1_000;

/** Claims that wait for an entry, in the order in which they came. */
export class ClaimQueue {
  readonly #pool: string;
  readonly #waiters = new Set<Waiter>();

  constructor(pool: string) {
    this.#pool = pool;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** @throws SovereignError `pool.exhausted`, `operation.cancelled`, or what kept an entry from being made for it */
  async wait(signal: AbortSignal | undefined): Promise<WarmEntry> {
    throwIfCancelled(signal);
    if (this.#waiters.size >= maxWaiting)
      throw exhausted(this.#pool, `${maxWaiting} claims wait for a sandbox already`);
    return new Promise<WarmEntry>((resolve, reject) => {
      const onAbort = (): void => {
        if (this.#waiters.delete(waiter)) reject(cancelled(signal?.reason));
      };
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        resolve: (entry) => {
          settled();
          resolve(entry);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Gives an entry to the one who has waited longest; false when nobody waits. */
  give(entry: WarmEntry): boolean {
    const waiter = this.#shift();
    waiter?.resolve(entry);
    return waiter !== undefined;
  }

  /** Tells the one who has waited longest that the entry made for it failed; false when nobody waits. */
  fail(error: Error): boolean {
    const waiter = this.#shift();
    waiter?.reject(error);
    return waiter !== undefined;
  }

  failAll(error: Error): void {
    while (this.fail(error));
  }

  // SAFETY: a waiter leaves the queue in the same step in which it is given an entry, so that no entry has two takers
  // and no taker two entries (warm-pool.test.ts, "never handed out twice").
  #shift(): Waiter | undefined {
    const [waiter] = this.#waiters;
    if (waiter !== undefined) this.#waiters.delete(waiter);
    return waiter;
  }
}

export function exhausted(pool: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'pool.exhausted',
    message: `Pool ${pool} has no sandbox to give: ${why}.`,
    hint: 'Claim again later, or open the pool with a larger size.',
    context: { pool },
  });
}
