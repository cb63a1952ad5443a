import type { BackendName } from '@sovereign/protocol';
import type { Guest } from './backend.ts';
import type { SandboxId, SandboxSpec } from './sandbox-spec.ts';

/** Identity of a snapshot: `snp_` and twelve characters of `[0-9a-z]`. Made by core, never by a guest. */
export type SnapshotId = string & { readonly __snapshotId: unique symbol };

/** What is known of a snapshot without opening it. */
export interface SnapshotRecord {
  readonly id: SnapshotId;
  readonly backend: BackendName;
  /** The sandbox it was taken of, as it was asked for. */
  readonly spec: SandboxSpec;
  /** Given by the caller; empty when none was. */
  readonly name: string;
  /** Unix time in milliseconds. */
  readonly createdMs: number;
  /** What it occupies on disk. */
  readonly bytes: number;
  /** How long the guest stood still while it was taken, in milliseconds. */
  readonly pausedMs: number;
}

/**
 * Snapshots of running guests: memory, processes and disk at one moment, to be resumed any number of times.
 *
 * A snapshot is whole or it is not listed. It is resumed by this process or by one after a restart, and refused with
 * `snapshot.incompatible` under a kernel, a CPU model or a version other than its own. What a resumed guest takes for
 * unique is made anew before anything runs in it: random seed, clock, machine id, host name, channel session.
 */
export interface Snapshots {
  /**
   * Takes one of a running guest, which runs on. Its disk and its memory are of the same moment.
   *
   * @throws SovereignError `sandbox.not-running`, `snapshot.failed` (nothing of it is left, the guest runs on)
   */
  take(
    guest: SandboxId,
    options: { readonly id: SnapshotId; readonly name?: string },
  ): Promise<SnapshotRecord>;
  /**
   * Brings up a new guest from it, under the new id of `spec`. Of `spec`, the name, workspace, environment, labels and
   * limits that can be changed late are bound; image, memory and CPUs are those of the snapshot.
   *
   * @throws SovereignError `snapshot.not-found`, `snapshot.incompatible`, `snapshot.corrupt`
   */
  resume(snapshot: SnapshotId, spec: SandboxSpec, signal?: AbortSignal): Promise<Guest>;
  list(): Promise<readonly SnapshotRecord[]>;
  /** @throws SovereignError `snapshot.not-found`, `snapshot.in-use` */
  remove(snapshot: SnapshotId): Promise<void>;
}
