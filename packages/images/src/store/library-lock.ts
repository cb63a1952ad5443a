import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isOwnedAlive, ownedName, throwIfCancelled } from '@sovereign/core';

/** Pause of one who waits for a lock; random, so that two who withdrew do not meet again. */
const waitMs = { least: 2, most: 40 } as const;

/**
 * Locks between processes, as files that name their owner.
 *
 * Whoever wants one makes a file of its own and looks again: who then sees another live one withdraws. Two can both
 * withdraw, never both stay, and no file is ever removed but one's own or that of a dead process, so that there is no
 * window in which a takeover hits a live lock.
 */
export class LibraryLock {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Runs `work` while nobody else holds `name`. Waits as long as it takes, or until the signal. */
  async with<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      throwIfCancelled(signal);
      if (!this.isHeld(name)) {
        const own = this.mark(name);
        try {
          if (!this.#others(name, own).some(isOwnedAlive)) return await work();
        } finally {
          rmSync(own, { force: true });
        }
      }
      await wait(waitMs.least + Math.random() * (waitMs.most - waitMs.least));
    }
  }

  /** Leaves a mark that lasts until it is deleted or its process ends; many may stand side by side. */
  mark(name: string): string {
    const own = join(this.#directory, ownedName(name));
    writeFileSync(own, '', { mode: 0o600, flag: 'wx' });
    return own;
  }

  isHeld(name: string): boolean {
    return this.#others(name, '').some(isOwnedAlive);
  }

  #others(name: string, own: string): string[] {
    const prefix = `${name}.of-`;
    return readdirSync(this.#directory).filter(
      (file) => file.startsWith(prefix) && join(this.#directory, file) !== own,
    );
  }
}
