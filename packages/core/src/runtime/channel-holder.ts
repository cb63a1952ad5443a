import type { SovereignError } from '@sovereign/protocol';
import type { GuestChannel } from '../contract/guest-channel.ts';

/**
 * The channel to one guest: opened when it is first needed, and again when it is needed after it broke. A call that was
 * in flight when it broke fails and is not repeated, since what it did is not known.
 */
export class ChannelHolder {
  readonly #open: () => Promise<GuestChannel>;
  #channel: GuestChannel | undefined;
  #opening: Promise<GuestChannel> | undefined;
  #refusal: SovereignError | undefined;

  constructor(open: () => Promise<GuestChannel>) {
    this.#open = open;
  }

  /** The open channel, for callers that would rather not wait for a promise. Throws while the sandbox is not running. */
  get current(): GuestChannel | undefined {
    if (this.#refusal !== undefined) throw this.#refusal;
    return this.#channel;
  }

  async get(): Promise<GuestChannel> {
    const current = this.current;
    if (current !== undefined) return current;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    const channel = await this.#opening;
    if (this.#channel !== channel) this.adopt(channel);
    if (this.#refusal !== undefined) throw this.#refusal;
    return channel;
  }

  /** Takes over a channel that was opened elsewhere. */
  adopt(channel: GuestChannel): void {
    this.#channel = channel;
    void channel.closed.then(() => {
      if (this.#channel === channel) this.#channel = undefined;
    });
  }

  /** From now on every call is refused so, until `allow`. */
  refuse(refusal: SovereignError): void {
    this.#refusal = refusal;
  }

  allow(): void {
    this.#refusal = undefined;
  }

  async close(): Promise<void> {
    const channel = this.#channel;
    const opening = this.#opening;
    this.#channel = undefined;
    await channel?.close();
    await opening?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }
}
