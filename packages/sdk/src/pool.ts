import type { ClaimOptions, PoolStatus, SandboxPool, SovereignRuntime } from '@sovereign/core';
import { Sandbox } from './sandbox.ts';

/**
 * Sandboxes kept ready, so that one is there in the time of a message instead of a start.
 *
 * `await using pool = await sovereign.pool({ size: 4 })` drains it at the end of the block; sandboxes that were claimed
 * are disposed of by whoever claimed them.
 */
export class Pool implements AsyncDisposable {
  readonly #pool: SandboxPool;
  readonly #runtime: SovereignRuntime;

  /** Made by `Sovereign.pool`. */
  constructor(pool: SandboxPool, runtime: SovereignRuntime) {
    this.#pool = pool;
    this.#runtime = runtime;
  }

  get name(): string {
    return this.#pool.name;
  }

  /**
   * Hands a ready sandbox out, with the name, workspace, user, environment, labels and limits that it is to have from now
   * on.
   * When none is ready it waits for the next one, unless `isReadyOnly`.
   *
   * @throws SovereignError `pool.exhausted`, `capability.missing` when the backend cannot bind a workspace late …
   */
  async claim(options: ClaimOptions = {}): Promise<Sandbox> {
    return new Sandbox(await this.#pool.claim(options), {
      runtime: this.#runtime,
      isOwned: true,
    });
  }

  /** How many are ready, what they use, and what keeps it from more. */
  status(): PoolStatus {
    return this.#pool.status();
  }

  /** Resolves when all that may be kept ready is. @throws SovereignError what keeps it from that */
  whenFull(): Promise<void> {
    return this.#pool.whenFull();
  }

  /** Removes everything that nobody claimed. */
  drain(): Promise<void> {
    return this.#pool.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }
}
