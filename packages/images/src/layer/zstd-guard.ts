import { corrupt } from '../image-errors.ts';

/** Largest window that is decoded: that of `zstd --ultra`, and what the reference decoder takes unless told otherwise. */
const maxWindowBytes = 128 * 1024 * 1024;
const magic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

type State = 'frame' | 'descriptor' | 'header' | 'skippable' | 'block';

/**
 * Follows the frames of a zstd stream (RFC 8878) as it passes, and refuses a window that would cost too much memory before
 * a decoder allocates it.
 */
export class ZstdGuard {
  #head: number[] = [];
  #wanted = 4;
  #skip = 0;
  #state: State = 'frame';
  #hasChecksum = false;

  /** @throws SovereignError `image.corrupt` */
  check(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.byteLength - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      this.#head.push(bytes[at++] ?? 0);
      if (this.#head.length >= this.#wanted) this.#step();
    }
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
    this.#head = [];
  }

  #step(): void {
    const head = this.#head;
    const value = littleEndian(head);
    switch (this.#state) {
      case 'frame':
        if (value === magic) return this.#expect('descriptor', 1);
        if (value - (value % 16) === skippableMagic) return this.#expect('skippable', 4);
        throw corrupt('a layer is no zstd stream');
      case 'skippable':
        this.#expect('frame', 4);
        this.#skip = value;
        return;
      case 'descriptor': {
        this.#hasChecksum = (value & 4) !== 0;
        this.#wanted = 1 + headerBytes(value);
        this.#state = 'header';
        return;
      }
      case 'header':
        if (windowBytes(head) > maxWindowBytes)
          throw corrupt(`a zstd stream wants a window of ${windowBytes(head)} bytes`);
        return this.#expect('block', 3);
      case 'block': {
        const isLast = (value & 1) === 1;
        const isRunLength = ((value >> 1) & 3) === 1;
        const size = isRunLength ? 1 : value >> 3;
        if (isLast) this.#expect('frame', 4);
        else this.#expect('block', 3);
        this.#skip = size + (isLast && this.#hasChecksum ? 4 : 0);
        return;
      }
    }
  }
}

/** Length of what follows the descriptor byte: window, dictionary id, content size. At least one byte. */
function headerBytes(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0;
  const contentSize = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + contentSize;
}

function windowBytes(head: readonly number[]): number {
  const descriptor = head[0] ?? 0;
  if ((descriptor & 0x20) === 0) {
    const window = head[1] ?? 0;
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  const bytes = [1, 2, 4, 8][descriptor >> 6] ?? 0;
  return littleEndian(head.slice(head.length - bytes)) + (bytes === 2 ? 256 : 0);
}

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
