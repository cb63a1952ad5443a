/** Entries up to which output keeps the order in which the streams were written; beyond, small pieces are joined per stream. */
const maxOrderedEntries = 256;
/** Pieces are joined into blocks of at most this size. */
const maxBlockBytes = 65_536;
const minBlockBytes = 1_024;
/** Less than this is copied: an entry of its own would weigh more than its bytes. */
const minKeptBytes = 1_024;

/** Data that waits to be consumed. Bytes of `block` beyond `length` are room for more. */
interface Entry {
  readonly stream: number;
  block: Uint8Array;
  length: number;
  /** False for a view of a chunk, which nothing may be appended to. */
  readonly isGrowable: boolean;
}

export interface QueuedData {
  readonly stream: number;
  readonly data: Uint8Array;
}

/**
 * Whether data may be kept as a view: not when it is small, or when that would keep more than twice its size alive.
 * What is not kept is copied.
 */
export function isWorthKeeping(data: Uint8Array): boolean {
  return data.byteLength >= minKeptBytes && data.byteLength * 2 >= data.buffer.byteLength;
}

/**
 * Data of up to two streams that nobody has consumed yet.
 *
 * Its memory is proportional to the bytes queued, whatever pieces they come in: a guest that sends its window in single
 * bytes costs no more than one that sends it at once.
 */
export class ChunkQueue {
  #entries: Entry[] = [];
  #head = 0;
  readonly #newest: [Entry | undefined, Entry | undefined] = [undefined, undefined];

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  /** Returns true when `data` was kept as a view, false when it was copied. */
  push(stream: 0 | 1, data: Uint8Array): boolean {
    const newest = this.#newest[stream];
    const isTail = newest !== undefined && newest === this.#entries.at(-1);
    if (
      newest !== undefined &&
      (isTail || this.#entries.length - this.#head >= maxOrderedEntries) &&
      append(newest, data)
    )
      return false;
    const isView = isWorthKeeping(data);
    const entry: Entry = {
      stream,
      block: isView ? data : new Uint8Array(data),
      length: data.length,
      isGrowable: !isView,
    };
    this.#entries.push(entry);
    this.#newest[stream] = entry;
    return isView;
  }

  /** The oldest data. It belongs to the caller from now on. */
  shift(): QueuedData | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head++;
    if (this.#newest[0] === entry) this.#newest[0] = undefined;
    if (this.#newest[1] === entry) this.#newest[1] = undefined;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= maxOrderedEntries) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return {
      stream: entry.stream,
      data: entry.block.length === entry.length ? entry.block : entry.block.subarray(0, entry.length),
    };
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#newest[0] = undefined;
    this.#newest[1] = undefined;
  }
}

/** Adds to a block, growing it by doubling. Returns false when the block is full or not ours. */
function append(entry: Entry, data: Uint8Array): boolean {
  const needed = entry.length + data.length;
  if (!entry.isGrowable || needed > maxBlockBytes) return false;
  if (needed > entry.block.length) {
    const grown = new Uint8Array(Math.min(maxBlockBytes, Math.max(minBlockBytes, needed * 2)));
    grown.set(entry.block.subarray(0, entry.length));
    entry.block = grown;
  }
  entry.block.set(data, entry.length);
  entry.length = needed;
  return true;
}
