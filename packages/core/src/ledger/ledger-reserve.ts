import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

const reserveBytes = 65_536;

/**
 * Room on the disk that is kept for outcomes: a file of 64 KiB beside the lane, given up when the disk is full so that
 * what was done is still recorded. Until it can be restored no new intent is accepted.
 */
export class LedgerReserve {
  readonly #path: string;
  #isThere = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Makes sure that it is there; throws what the system threw when there is no room for it. */
  ensure(): void {
    if (this.#isThere) return;
    if (statSync(this.#path, { throwIfNoEntry: false })?.size !== reserveBytes) this.#write();
    this.#isThere = true;
  }

  /** False when there was nothing to give up. */
  release(): boolean {
    if (!this.#isThere) return false;
    this.#isThere = false;
    rmSync(this.#path, { force: true });
    return true;
  }

  #write(): void {
    const fd = openSync(this.#path, 'w', 0o600);
    let written = 0;
    try {
      // Not zeros: a file system that stores holes or compresses would keep no room for them.
      const filler = Buffer.alloc(reserveBytes, 'reserve of the sovereign ledger. ');
      written = writeSync(fd, filler);
    } finally {
      closeSync(fd);
      if (written !== reserveBytes) rmSync(this.#path, { force: true });
    }
    if (written !== reserveBytes) throw new Error('no room for the reserve');
  }
}
