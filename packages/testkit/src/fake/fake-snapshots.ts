import type { Guest, SandboxId, SandboxSpec, SnapshotId, SnapshotRecord, Snapshots } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import type { FakeFailures } from './fake-failures.ts';
import type { FakeGuest } from './fake-guest.ts';

export interface FakeSnapshotsInit {
  readonly guests: ReadonlyMap<SandboxId, FakeGuest>;
  readonly failures: FakeFailures;
  /** Brings a guest up by the spec. */
  readonly resume: (spec: SandboxSpec, signal?: AbortSignal) => Promise<Guest>;
}

/** Snapshots in memory: a resumed guest has the image of the first one and nothing of its processes and files. */
export function fakeSnapshots({ guests, failures, resume }: FakeSnapshotsInit): Snapshots {
  const records = new Map<SnapshotId, SnapshotRecord>();
  return {
    async take(id, options) {
      await Promise.resolve();
      const guest = guests.get(id);
      if (guest?.state !== 'running') throw failed('sandbox.not-running', `sandbox ${id} does not run`);
      if (failures.snapshotTake === true) throw failed('snapshot.failed', 'a failure was injected');
      const record: SnapshotRecord = {
        id: options.id,
        backend: 'fake',
        spec: guest.spec,
        name: options.name ?? '',
        createdMs: guest.spec.createdMs,
        bytes: 1_048_576,
        pausedMs: 0,
      };
      records.set(record.id, record);
      return record;
    },
    async resume(id, spec, signal) {
      const record = records.get(id);
      if (record === undefined) throw failed('snapshot.not-found', `there is no ${id}`);
      if (failures.snapshotResume === true) throw failed('snapshot.corrupt', 'a failure was injected');
      return resume({ ...spec, image: record.spec.image }, signal);
    },
    list: () => Promise.resolve([...records.values()]),
    async remove(id) {
      await Promise.resolve();
      if (failures.snapshotInUse === true) throw failed('snapshot.in-use', 'its memory is shared');
      if (!records.delete(id)) throw failed('snapshot.not-found', `there is no ${id}`);
    },
  };
}

function failed(
  reason:
    'sandbox.not-running' | 'snapshot.failed' | 'snapshot.not-found' | 'snapshot.corrupt' | 'snapshot.in-use',
  why: string,
): SovereignError {
  return new SovereignError({
    reason,
    message: `The fake snapshot could not be used: ${why}.`,
    hint: 'Look at what the test set up.',
  });
}
