import { protocolViolation } from './channel-errors.ts';

/** More credit than this outstanding on one channel is not flow control; nothing we send needs it. */
const maxOutstandingBytes = 2 ** 40;

/** What the guest may still send on one channel, and what of it was consumed and not granted anew. */
export class InboundCredit {
  readonly #stepBytes: number;
  #left: number;
  #consumed = 0;

  /** `windowBytes` is what the request granted. New credit goes out when half of it was consumed: few frames, no stall. */
  constructor(windowBytes: number) {
    this.#left = windowBytes;
    this.#stepBytes = Math.max(1, windowBytes >>> 1);
  }

  /**
   * Takes note of data that the guest announces.
   *
   * @throws SovereignError `channel.protocol` when it is more than was granted.
   */
  receive(bytes: number): void {
    // SAFETY: what waits in our memory is bounded by the window; hostile-guest.test.ts holds it.
    if (bytes > this.#left)
      throw protocolViolation(`${bytes} bytes of data where ${this.#left} were granted`);
    this.#left -= bytes;
  }

  /** Takes note of data that was consumed. Returns the credit to grant now, mostly 0. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed < this.#stepBytes) return 0;
    const grant = this.#consumed;
    this.#consumed = 0;
    this.#left += grant;
    return grant;
  }
}

/** What we may still send on one channel. */
export class OutboundCredit {
  #left: number;

  constructor(windowBytes: number) {
    this.#left = windowBytes;
  }

  get left(): number {
    return this.#left;
  }

  take(bytes: number): void {
    this.#left -= bytes;
  }

  /** @throws SovereignError `channel.protocol` for an absurd sum of grants. */
  grant(bytes: number): void {
    this.#left += bytes;
    if (this.#left > maxOutstandingBytes) throw protocolViolation('credit without end');
  }
}
