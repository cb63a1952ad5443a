import { rmSync } from 'node:fs';
import type { EngineHost } from '../engine-host.ts';
import { deleteStep, type StepLimits } from '../review/step-room.ts';
import type { StepStore } from '../review/step-store.ts';
import { diskUsage } from './disk-usage.ts';
import type { FoundLeftover } from './found-leftover.ts';

/** Steps that are too old to be undone by anybody, and what crashes left of them. */
export function* stepLeftovers(
  host: EngineHost,
  store: StepStore,
  limits: StepLimits,
): Iterable<FoundLeftover> {
  const remove = (id: Parameters<typeof deleteStep>[2]) => async (): Promise<void> => {
    await deleteStep(host, store, id);
  };
  const days = Math.round(limits.keptMs / 86_400_000);
  for (const { id, appliedMs, state } of store.list()) {
    if (state === 'underWay' || Date.now() - appliedMs <= limits.keptMs) continue;
    const why = `it was applied more than ${days} days ago`;
    yield { kind: 'step', id, why, bytes: diskUsage(store.path(id)), remove: remove(id) };
  }
  for (const id of store.broken()) {
    const why = 'what is recorded of it cannot be read';
    yield { kind: 'step', id, why, bytes: diskUsage(store.path(id)), remove: remove(id) };
  }
  for (const path of store.staleLocks()) {
    yield {
      kind: 'file',
      id: path,
      why: 'the process that held this lock has ended',
      bytes: 0,
      remove: () => {
        rmSync(path, { force: true });
        return Promise.resolve();
      },
    };
  }
}
