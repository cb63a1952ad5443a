import { absent, available, type Available } from './figure.ts';
import type { Side } from './interleave.ts';

interface SideInit<T> extends Omit<Side, 'sample'> {
  /** What it takes; without it the side is shown as absent. */
  readonly from: Available<T>;
  readonly sample: (from: T) => Promise<number>;
}

export function side<T>({ from, sample, ...rest }: SideInit<T>): Side {
  return {
    ...rest,
    sample: from.ok ? available(() => sample(from.value)) : from,
  };
}

/** Turns a failure into an absence: one side that cannot be set up leaves the others to be measured. */
export async function attempt<T>(work: () => Promise<T>): Promise<Available<T>> {
  try {
    return available(await work());
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
}

/** Goes on with something that may be absent. */
export async function then<T, U>(from: Available<T>, work: (value: T) => Promise<U>): Promise<Available<U>> {
  return from.ok ? attempt(() => work(from.value)) : from;
}

export function both<A, B>(a: Available<A>, b: Available<B>): Available<readonly [A, B]> {
  if (!a.ok) return a;
  return b.ok ? available([a.value, b.value] as const) : b;
}
