import { SovereignError } from '@sovereign/protocol';

/** What an iteration draws from. */
export interface PullSource<T> {
  /** The next value that waits, or undefined when none does. */
  take(): T | undefined;
  /** The consumer left its loop. */
  leave?(): Promise<void> | undefined;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Iteration over what arrives: values that wait are drawn from the source, a consumer that waits is handed the next one
 * as it comes. What waits when the end comes is still handed out before the end or the error shows.
 */
export class PullIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: PullSource<T>;
  #waiter: Waiter<T> | undefined;
  #isEnded = false;
  #error: Error | undefined;

  constructor(source: PullSource<T>) {
    this.#source = source;
  }

  get isWaiting(): boolean {
    return this.#waiter !== undefined;
  }

  /** Hands a value to the consumer that waits. To be called only when `isWaiting`. */
  deliver(value: T): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve({ done: false, value });
  }

  /** No value comes after those that wait. With an error the iteration throws it, once. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    this.#error = undefined;
    if (error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#source.take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#isEnded) {
      const error = this.#error;
      this.#error = undefined;
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    if (this.#waiter !== undefined) return Promise.reject(iteratedTwice());
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve({ done: true, value: undefined });
    await this.#source.leave?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function iteratedTwice(): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: 'The iteration is waited for twice at once (once at a time).',
    hint: 'Await each next() before the next one; give every consumer a copy.',
  });
}
