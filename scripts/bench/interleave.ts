import { setTimeout as delay } from 'node:timers/promises';
import type { Available, Measured, Series } from './figure.ts';

/** One side of a comparison. */
export interface Side {
  readonly name: string;
  readonly samples: number;
  /** Taken before the first sample and thrown away. Default 1. */
  readonly warmUps?: number;
  /** Rest before each sample, not counted: for what is warm only while it is done again and again. Default none. */
  readonly pauseMs?: number;
  readonly sample: Available<() => Promise<number>>;
}

interface Comparison {
  readonly ours: Side;
  readonly peers: readonly Side[];
  /** Ends it between two samples. */
  readonly signal: AbortSignal;
}

const mostRounds = 10;

/**
 * Takes the samples of all sides in rounds (A B C A B C …): a host drifts within minutes, and what it does to one side
 * it then does to all. A side that fails ends with the reason; the others go on.
 */
export async function interleave({ ours, peers, signal }: Comparison): Promise<Measured> {
  const own = new Running(ours, signal);
  const others = peers.map((side) => new Running(side, signal));
  const running = [own, ...others];
  for (const side of running) await side.warmUp();
  for (let round = 1; round <= mostRounds; round += 1) {
    for (const side of running) await side.advance(round / mostRounds);
  }
  return { ours: own.result, peers: others.map((side) => side.result) };
}

class Running {
  readonly #side: Side;
  readonly #signal: AbortSignal;
  readonly #samples: number[] = [];
  #absent: string | undefined;

  constructor(side: Side, signal: AbortSignal) {
    this.#side = side;
    this.#signal = signal;
    if (!side.sample.ok) this.#absent = side.sample.reason;
  }

  get result(): Series {
    const { name } = this.#side;
    return this.#absent === undefined
      ? { name, samples: this.#samples }
      : { name, samples: this.#samples, absent: this.#absent };
  }

  async warmUp(): Promise<void> {
    await this.#take(this.#side.warmUps ?? 1, () => undefined);
  }

  /** Takes samples until this part of all has been taken. */
  async advance(part: number): Promise<void> {
    const due = Math.ceil(this.#side.samples * part) - this.#samples.length;
    await this.#take(due, (value) => this.#samples.push(value));
  }

  async #take(count: number, keep: (value: number) => void): Promise<void> {
    const { sample, pauseMs } = this.#side;
    if (!sample.ok) return;
    try {
      for (let left = count; left > 0 && this.#absent === undefined; left -= 1) {
        this.#signal.throwIfAborted();
        if (pauseMs !== undefined) await delay(pauseMs);
        keep(await sample.value());
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#absent = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
