import type { Tunnel } from '@sovereign/core';

export interface CarryOptions {
  /** Both are reset after so long without a byte either way. Default: never. */
  readonly idleMs?: number;
  /** What was read from `near` before it came to be carried. */
  readonly early?: Uint8Array;
  /** Bytes so far, counted as they are passed on. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Joins two connections until both sides of both have ended: an end is passed on as an end, a break as a break. Nothing is
 * buffered beyond the chunk in hand. Resolves with why it broke, or undefined.
 */
export async function carry(
  near: Tunnel,
  far: Tunnel,
  options: CarryOptions = {},
): Promise<Error | undefined> {
  const { idleMs, early, onBytes } = options;
  const breakOff = (): void => {
    near.reset();
    far.reset();
  };
  const timer = idleMs === undefined ? undefined : setTimeout(breakOff, idleMs);
  const note = (bytes: number): void => {
    timer?.refresh();
    onBytes?.(bytes);
  };
  try {
    await Promise.all([pass(near, far, note, early), pass(far, near, note)]);
    return undefined;
  } catch (error) {
    breakOff();
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

async function pass(
  from: Tunnel,
  to: Tunnel,
  note: (bytes: number) => void,
  early: Uint8Array = new Uint8Array(0),
): Promise<void> {
  if (early.length > 0) await to.write(early);
  for await (const chunk of from) {
    note(chunk.length);
    await to.write(chunk);
  }
  to.end();
}
