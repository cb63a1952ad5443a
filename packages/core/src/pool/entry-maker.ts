import { SovereignError } from '@sovereign/protocol';
import { runtimeOf } from '../containers/engine-choice.ts';
import type { Action } from '../contract/action.ts';
import type { Backend, Guest } from '../contract/backend.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import type { SnapshotId, Snapshots } from '../contract/snapshots.ts';
import { createSnapshotId } from '../identity/snapshot-id.ts';
import { bringUp, type BringUpInit } from '../runtime/bring-up.ts';
import { connectVerified, type VerifiedChannel } from '../runtime/connect-verified.ts';
import { throwIfCancelled } from '../runtime/to-sovereign-error.ts';
import type { EntrySource, WarmEntry } from './warm-entry.ts';

export interface EntryMakerInit {
  readonly backend: Backend;
  /** What each entry is to be, with an id of its own. */
  readonly nextSpec: () => SandboxSpec;
  readonly ways: Pick<BringUpInit, 'backends' | 'probes' | 'actions' | 'openChannel' | 'healthTimeoutMs'>;
}

/**
 * Brings entries up: the first by a boot; where the backend has snapshots, one is taken of it before anybody claims it, and
 * the others are resumed from that. Each step is an action of its own in the ledger.
 */
export class EntryMaker implements EntrySource {
  readonly #init: EntryMakerInit;
  readonly #snapshots: Snapshots | undefined;
  #snapshot: SnapshotId | undefined;
  /** Set with the first entry: a backend that could not take one then is not asked again. */
  #taking: Promise<void> | undefined;

  constructor(init: EntryMakerInit) {
    this.#init = init;
    this.#snapshots = init.backend.snapshots;
  }

  get refill(): 'boot' | 'snapshot' {
    return this.#snapshot === undefined ? 'boot' : 'snapshot';
  }

  async make(signal: AbortSignal): Promise<WarmEntry> {
    const [snapshots, snapshot] = [this.#snapshots, this.#snapshot];
    if (snapshots !== undefined && snapshot !== undefined) {
      try {
        return await this.#resume(snapshots, snapshot, signal);
      } catch {
        // Whatever is wrong with the snapshot, a boot does without it.
        throwIfCancelled(signal);
        await this.close();
      }
    }
    const entry = await this.#boot(signal);
    if (snapshots !== undefined) await (this.#taking ??= this.#take(snapshots, entry));
    return entry;
  }

  async dispose({ guest, channel }: WarmEntry): Promise<void> {
    await this.#perform({ kind: 'sandbox.remove', sandbox: guest.id }, () => guest.remove());
    await channel.close();
  }

  /** Removes the snapshot. One whose memory claimed sandboxes still share stays until a pool is opened after them. */
  async close(): Promise<void> {
    await this.#taking;
    const [snapshots, snapshot] = [this.#snapshots, this.#snapshot];
    if (snapshots === undefined || snapshot === undefined) return;
    this.#snapshot = undefined;
    try {
      await this.#perform({ kind: 'snapshot.remove', snapshot }, () => snapshots.remove(snapshot));
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'snapshot.in-use') return;
      this.#snapshot = snapshot;
      throw error;
    }
  }

  async #boot(signal: AbortSignal): Promise<WarmEntry> {
    const { backend, nextSpec, ways } = this.#init;
    const up = await bringUp({ ...ways, spec: nextSpec(), requested: backend.name, signal });
    try {
      return await this.#entry(up.guest, up);
    } catch (error) {
      await this.dispose({ ...up, memoryBytes: 0 });
      throw error;
    }
  }

  #resume(snapshots: Snapshots, snapshot: SnapshotId, signal: AbortSignal): Promise<WarmEntry> {
    const spec = this.#init.nextSpec();
    return this.#perform({ kind: 'snapshot.resume', snapshot, sandbox: spec.id }, async () => {
      const guest = await snapshots.resume(snapshot, spec, signal);
      try {
        const { backend, ways } = this.#init;
        const { openChannel, healthTimeoutMs } = ways;
        return await this.#entry(
          guest,
          await connectVerified({ guest, backend, openChannel, timeoutMs: healthTimeoutMs, signal }),
        );
      } catch (error) {
        await guest.remove();
        throw error;
      }
    });
  }

  /** That none could be taken costs time later and nothing else: the ledger has the reason. */
  async #take(snapshots: Snapshots, { guest }: WarmEntry): Promise<void> {
    const id = createSnapshotId();
    try {
      await this.#perform({ kind: 'snapshot.take', sandbox: guest.id, snapshot: id }, () =>
        snapshots.take(guest.id, { id }),
      );
      this.#snapshot = id;
    } catch {
      this.#snapshot = undefined;
    }
  }

  async #entry(
    guest: Guest,
    { channel, report }: Pick<VerifiedChannel, 'channel' | 'report'>,
  ): Promise<WarmEntry> {
    const { memoryBytes } = guest.spec.limits;
    return { guest, channel, report, memoryBytes: memoryBytes ?? (await guest.stats()).memoryBytes };
  }

  #perform<T>(action: Action, run: () => Promise<T>): Promise<T> {
    const { backend, ways } = this.#init;
    return ways.actions.perform({ action, runtime: runtimeOf(backend) }, run);
  }
}
