import type { Tunnel } from '@sovereign/core';
import { carry, type CarryOptions } from '../carry/carry.ts';

/** The connections that one link or published port carries: bounded, and cut together. */
export class Carried {
  readonly #maxConnections: number;
  readonly #open = new Set<Tunnel>();
  #reserved = 0;
  #isClosed = false;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** A place for one more connection; false when there is none. What takes a place gives it to `join`, or back. */
  reserve(): boolean {
    if (this.#isClosed || this.#open.size / 2 + this.#reserved >= this.#maxConnections) return false;
    this.#reserved++;
    return true;
  }

  giveBack(): void {
    this.#reserved--;
  }

  /** Carries until both have ended. */
  async join(near: Tunnel, far: Tunnel, options: CarryOptions = {}): Promise<void> {
    this.#reserved--;
    if (this.#isClosed) {
      near.reset();
      far.reset();
      return;
    }
    this.#open.add(near).add(far);
    await carry(near, far, options);
    this.#open.delete(near);
    this.#open.delete(far);
  }

  /** Cuts every connection, at once. */
  close(): void {
    this.#isClosed = true;
    for (const tunnel of this.#open) tunnel.reset();
  }
}
