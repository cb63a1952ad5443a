import { join } from 'node:path';
import type { GuestChannel, SandboxSpec, StepId, WorkspaceChange } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { runInScratch, type ScratchEnd } from '../layers/scratch-program.ts';
import { removeTree } from '../leftovers/owned-leftovers.ts';
import { withScratchGuest } from '../scratch-guest.ts';
import {
  applyFailed,
  changedMeanwhile,
  changedSince,
  irreversible,
  linkRefused,
  notRecorded,
  type ApplyEnd,
} from './review-errors.ts';
import { insidePaths, scratchOfReview } from './review-scratch.ts';
import { deleteStep, type StepLimits } from './step-room.ts';
import type { StepStore } from './step-store.ts';

/** Exit codes of `shelld apply` and `shelld record` (apply.c, record.c). */
const exitCodes = { changed: 20, refused: 21, full: 22, conflict: 23 } as const;

export interface ApplyRunInit {
  readonly host: EngineHost;
  readonly store: StepStore;
  readonly limits: StepLimits;
  readonly spec: SandboxSpec;
  readonly chosen: readonly WorkspaceChange[];
  readonly id: StepId;
}

type ApplyRunEnd = ScratchEnd & Omit<ApplyEnd, 'step'>;

/** One application of chosen changes to a workspace, by whoever holds the lock of it. */
export class ApplyRun {
  readonly #init: ApplyRunInit;

  constructor(init: ApplyRunInit) {
    this.#init = init;
  }

  /** Applies without a record. */
  async applyOnly(): Promise<void> {
    const { host, spec } = this.#init;
    await withScratchGuest(scratchOfReview(host, spec, 'bind'), async (channel) => {
      const end = await this.#apply(channel, []);
      if (end.exitCode !== 0) throw failureOf(end, undefined);
    });
  }

  /**
   * Records what is replaced, and then applies. Whatever happens in between, what is in the workspace is what was there
   * before or what is applied, path by path, and the record says which. What somebody else changes in between stays: it
   * is not what was recorded, and so it is not replaced.
   */
  async recordAndApply(): Promise<StepId> {
    const { host, store, spec, id } = this.#init;
    const partial = store.begin(id);
    try {
      await withScratchGuest(
        scratchOfReview(host, spec, 'bind', join(partial, 'record')),
        async (channel) => {
          const counts = await this.#record(channel);
          store.keep(id, partial, {
            sandbox: spec.id,
            sandboxName: spec.name ?? null,
            workspace: spec.workspace?.hostPath ?? '',
            appliedMs: Date.now(),
            ...counts,
          });
          await this.#applyRecorded(channel);
        },
      );
      return id;
    } finally {
      // There is none any more when it became a step.
      await removeTree(host, partial);
    }
  }

  async #record(channel: GuestChannel): Promise<{ readonly paths: number; readonly bytes: number }> {
    let counted = '';
    const { exitCode, complaints } = await runInScratch(channel, {
      args: [
        'record',
        insidePaths.changed,
        insidePaths.workspace,
        insidePaths.record,
        String(this.#init.limits.maxStepBytes),
      ],
      stdin: this.#lines(),
      onOutput: (data) => (counted += Buffer.from(data).toString('utf8')),
    });
    if (exitCode === exitCodes.refused) throw irreversible(complaints);
    const match = /^(\d{1,15}) (\d{1,15})\n$/.exec(counted);
    if (exitCode !== 0 || match === null) throw notRecorded(complaints);
    return { paths: Number(match[1]), bytes: Number(match[2]) };
  }

  async #applyRecorded(channel: GuestChannel): Promise<void> {
    const { host, store, id } = this.#init;
    let end: ApplyRunEnd;
    try {
      end = await this.#apply(channel, ['--record', insidePaths.record]);
    } catch (error) {
      store.markUnderWay(id, 'nobody');
      throw error;
    }
    if (end.exitCode === 0) {
      store.markApplied(id);
      return;
    }
    // What is refused is refused before anything is done to its path.
    const isUntouched = end.applied === 0 && end.exitCode !== 1;
    if (isUntouched) await deleteStep(host, store, id);
    else store.markUnderWay(id, 'nobody');
    throw failureOf(end, isUntouched ? undefined : id);
  }

  async #apply(channel: GuestChannel, options: readonly string[]): Promise<ApplyRunEnd> {
    const { id, chosen } = this.#init;
    let applied = 0;
    const end = await runInScratch(channel, {
      args: ['apply', ...options, id, insidePaths.changed, insidePaths.workspace],
      stdin: this.#lines(),
      onOutput: (data) => {
        applied += data.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0);
      },
    });
    return { ...end, applied, path: chosen[applied]?.path ?? '' };
  }

  *#lines(): Iterable<Uint8Array> {
    for (const { stamp, path } of this.#init.chosen) yield Buffer.from(`${stamp} ${path}\0`);
  }
}

function failureOf(end: ApplyRunEnd, step: StepId | undefined): Error {
  if (end.exitCode === exitCodes.changed) return changedSince({ ...end, step });
  if (end.exitCode === exitCodes.conflict) return changedMeanwhile({ ...end, step });
  return end.exitCode === exitCodes.refused ? linkRefused({ ...end, step }) : applyFailed({ ...end, step });
}
