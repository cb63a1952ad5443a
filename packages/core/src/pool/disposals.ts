import type { EntrySource, WarmEntry } from './warm-entry.ts';

/** Takes entries away that nobody will have, and remembers those that would not go. */
export class Disposals {
  readonly #source: EntrySource;
  readonly #pending = new Set<Promise<void>>();
  readonly #unremoved = new Set<WarmEntry>();

  constructor(source: EntrySource) {
    this.#source = source;
  }

  /** Begins to remove one; how that ends shows in `finish`. */
  begin(entry: WarmEntry): void {
    this.#unremoved.add(entry);
    const removal = this.#source
      .dispose(entry)
      .then(
        () => void this.#unremoved.delete(entry),
        () => undefined,
      )
      .finally(() => this.#pending.delete(removal));
    this.#pending.add(removal);
  }

  /** Waits for those on their way and tries the others once more. @throws Error why one could not be removed */
  async finish(): Promise<void> {
    await Promise.all(this.#pending);
    const again = await Promise.allSettled(
      [...this.#unremoved].map(async (entry) => {
        await this.#source.dispose(entry);
        this.#unremoved.delete(entry);
      }),
    );
    for (const outcome of again) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
