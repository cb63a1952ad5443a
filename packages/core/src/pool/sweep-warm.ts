import { SovereignError, type ErrorReason } from '@sovereign/protocol';
import { runtimeOf } from '../containers/engine-choice.ts';
import type { Backend } from '../contract/backend.ts';
import type { PoolMark } from '../contract/sandbox-spec.ts';
import { isAlive } from '../identity/process-identity.ts';
import type { ActionPath } from '../runtime/action-path.ts';

/**
 * Removes what the pools of processes that are no more have left on a backend: sandboxes that were never anybody's, and
 * the snapshots they came from.
 *
 * @throws SovereignError why one could not be removed
 */
export async function sweepWarm(backend: Backend, actions: ActionPath): Promise<void> {
  const runtime = runtimeOf(backend);
  for (const { id, spec } of await backend.list()) {
    if (!isAbandoned(spec.pool)) continue;
    await actions
      .perform({ action: { kind: 'sandbox.remove', sandbox: id }, runtime }, async () => {
        const guest = await backend.attach(id);
        // SAFETY: the mark counts as it is now, not as it was listed: one that was claimed is somebody's
        // (sandbox-pool.test.ts).
        if (isAbandoned(guest.spec.pool)) await guest.remove();
      })
      .catch(unless('sandbox.not-found'));
  }
  for (const { id, spec } of (await backend.snapshots?.list()) ?? []) {
    if (!isAbandoned(spec.pool)) continue;
    const action = { kind: 'snapshot.remove', snapshot: id } as const;
    await actions
      .perform({ action, runtime }, async () => backend.snapshots?.remove(id))
      .catch(unless('snapshot.in-use'));
  }
}

/** A mark that does not say whose it is may be a living process's. */
export function isAbandoned(mark: PoolMark | undefined): boolean {
  return mark?.keeper !== undefined && !isAlive(mark.keeper);
}

function unless(reason: ErrorReason): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof SovereignError && error.reason === reason)) throw error;
  };
}
