import type { StepId } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { removeTree } from '../leftovers/owned-leftovers.ts';
import type { StepStore } from './step-store.ts';

/** How much of what was replaced is kept. */
export interface StepLimits {
  /** Of one application; one that replaces more is refused. */
  readonly maxStepBytes: number;
  /** Of all together; the oldest are forgotten. */
  readonly maxTotalBytes: number;
  readonly maxSteps: number;
  /** After which gc forgets them. */
  readonly keptMs: number;
}

/** A month, as git keeps what nothing refers to any more; a gigabyte holds the sources of any project. */
export const defaultStepLimits: StepLimits = {
  maxStepBytes: 1024 ** 3,
  maxTotalBytes: 4 * 1024 ** 3,
  maxSteps: 1_000,
  keptMs: 30 * 24 * 3_600_000,
};

/** Forgets the oldest steps, those that are whole first, until the limits hold. `kept` stays. */
export async function makeRoom(
  host: EngineHost,
  store: StepStore,
  limits: StepLimits,
  kept: StepId,
): Promise<void> {
  const steps = store.list();
  let bytes = steps.reduce((sum, step) => sum + step.bytes, 0);
  let count = steps.length;
  const oldest = steps.filter(({ id, state }) => id !== kept && state !== 'underWay').toReversed();
  const order = [
    ...oldest.filter(({ state }) => state === 'applied'),
    ...oldest.filter(({ state }) => state === 'interrupted'),
  ];
  for (const step of order) {
    if (bytes <= limits.maxTotalBytes && count <= limits.maxSteps) return;
    await deleteStep(host, store, step.id);
    bytes -= step.bytes;
    count--;
  }
}

/** False when it is gone already. */
export async function deleteStep(host: EngineHost, store: StepStore, id: StepId): Promise<boolean> {
  const aside = store.putAside(id);
  if (aside === undefined) return false;
  await removeTree(host, aside);
  return true;
}
