import { statfsSync } from 'node:fs';
import { tooLarge } from '../image-errors.ts';

export interface LayerLimits {
  /** Most bytes of files in one layer. Default 32 GiB: far above real layers, far below what a bomb wants. */
  readonly maxLayerBytes: number;
  /** Most entries of one layer. Default 1,000,000; each costs memory while it is unpacked. */
  readonly maxLayerEntries: number;
  /** Free space that is left alone. Default 256 MiB. */
  readonly reservedDiskBytes: number;
}

export const defaultLayerLimits: LayerLimits = {
  maxLayerBytes: 32 * 1024 ** 3,
  maxLayerEntries: 1_000_000,
  reservedDiskBytes: 256 * 1024 ** 2,
};

/** How much may be written between two looks at the free space. */
const lookEveryBytes = 32 * 1024 ** 2;

/** Counts what a stream unpacks to, and ends it when it is too much for the limits or for the disk. */
export class LayerMeter {
  readonly #limits: LayerLimits;
  readonly #directory: string;
  #bytes = 0;
  #entries = 0;
  #lookAt = 0;

  constructor(limits: LayerLimits, directory: string) {
    this.#limits = limits;
    this.#directory = directory;
  }

  /** @throws SovereignError `image.too-large` */
  entry(): void {
    if (++this.#entries > this.#limits.maxLayerEntries)
      throw tooLarge('a layer has too many entries', `${this.#limits.maxLayerEntries} entries`);
  }

  /** @throws SovereignError `image.too-large` */
  bytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.#limits.maxLayerBytes)
      throw tooLarge('a layer unpacks to too much', `${this.#limits.maxLayerBytes} bytes`);
    if (this.#bytes < this.#lookAt) return;
    this.#lookAt = this.#bytes + lookEveryBytes;
    checkFreeSpace(this.#directory, this.#limits.reservedDiskBytes, lookEveryBytes);
  }
}

/** @throws SovereignError `image.too-large` when `needed` bytes would eat into the reserve */
export function checkFreeSpace(directory: string, reserved: number, needed: number): void {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free - needed < reserved)
    throw tooLarge(`the disk of ${directory} has ${free} bytes free`, `what leaves ${reserved} bytes free`);
}
