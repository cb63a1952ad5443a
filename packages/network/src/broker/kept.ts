import { setTimeout as wait } from 'node:timers';
import type { BrokeredSandbox, GuestChannel } from '@sovereign/core';

/** Between two tries to come back to a guest that does not run: doubles from the first to the second. */
const firstRetryMs = 250;
const lastRetryMs = 30_000;

/** What is kept: something that lives on one channel, and ends with it. */
export interface Opened {
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}

export interface KeptInit<T extends Opened> {
  readonly sandbox: BrokeredSandbox;
  readonly open: (channel: GuestChannel) => Promise<T>;
  /** The sandbox does not exist any more. */
  readonly onGone: () => void;
  /** It came back or went. */
  readonly onChange: () => void;
}

/** Keeps nothing but the knowledge of whether the guest is there. */
export function presence(channel: GuestChannel): Promise<Opened> {
  return Promise.resolve({ closed: channel.closed, close: () => Promise.resolve() });
}

/**
 * Something inside a guest, a listener for instance, that is opened again when the guest comes back: after its channel
 * broke, and after it was stopped and started, by whichever process. While the guest is away it tries again every few seconds, and at
 * once when it is told to; when the sandbox does not exist any more it says so and rests.
 */
export class Kept<T extends Opened> {
  readonly #init: KeptInit<T>;
  #opened: T | undefined;
  #opening: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = firstRetryMs;
  #isClosed = false;

  private constructor(init: KeptInit<T>) {
    this.#init = init;
  }

  /** @throws what opening it the first time throws */
  static async open<T extends Opened>(init: KeptInit<T>): Promise<Kept<T>> {
    const kept = new Kept(init);
    await kept.#open();
    return kept;
  }

  /** Undefined while the guest is away. */
  get opened(): T | undefined {
    return this.#opened;
  }

  /** Tries at once. */
  async revive(): Promise<void> {
    if (this.#isClosed || this.#opened !== undefined) return;
    clearTimeout(this.#timer);
    await this.#retry();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#opening?.catch(() => undefined);
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.close();
  }

  #open(): Promise<void> {
    return (this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
    }));
  }

  async #openOnce(): Promise<void> {
    const { sandbox, open, onChange } = this.#init;
    const opened = await open(await sandbox.channel());
    if (this.#isClosed) {
      await opened.close();
      return;
    }
    this.#opened = opened;
    this.#retryMs = firstRetryMs;
    void opened.closed.then(() => {
      if (this.#isClosed) return;
      this.#opened = undefined;
      onChange();
      void this.#retry();
    });
  }

  async #retry(): Promise<void> {
    try {
      await this.#open();
      this.#init.onChange();
    } catch {
      if (this.#isClosed) return;
      if (await this.#init.sandbox.exists()) this.#later();
      else this.#init.onGone();
    }
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = wait(() => void this.#retry(), this.#retryMs);
    this.#timer.unref();
    this.#retryMs = Math.min(lastRetryMs, this.#retryMs * 2);
  }
}
