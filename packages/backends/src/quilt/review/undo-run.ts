import { statSync } from 'node:fs';
import type { ApplyStep, StepId, UndoChange } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { withFileLock } from '../file-lock.ts';
import { scratchOutput, shelldInside } from '../layers/scratch-output.ts';
import { runInScratch, type ScratchEnd } from '../layers/scratch-program.ts';
import { withScratchGuest, type ScratchOptions } from '../scratch-guest.ts';
import { changedAfter, undoFailed, workspaceGone } from './review-errors.ts';
import { insidePaths, scratchOfStep } from './review-scratch.ts';
import { deleteStep } from './step-room.ts';
import type { StepStore } from './step-store.ts';
import { parseUndoLines } from './undo-lines.ts';

/** Exit codes of `shelld undo` (undo.c): nothing was done. */
const exitCodes = { changed: 20, blocked: 21 } as const;

interface UndoRun {
  readonly host: EngineHost;
  readonly store: StepStore;
  readonly step: StepId;
  /** What was changed since is given up. */
  readonly isForced: boolean;
}

/** What undoing a step would do. */
export async function* planUndo(host: EngineHost, store: StepStore, id: StepId): AsyncIterable<UndoChange> {
  const step = store.read(id);
  const output = scratchOutput(scratchOf(host, store, step, 'readOnly'), {
    command: shelldInside,
    args: wordsOf(step, ['--dry-run']),
    what: 'compared',
  });
  yield* parseUndoLines(output);
}

/**
 * Undoes a step, and forgets it. From when it begins until it is whole the step counts as under way; after a crash in
 * between it is interrupted, and the next undo goes on.
 *
 * SAFETY: the workspace is read and written only inside a scratch guest that holds it and the record, by shelld, which
 * follows no link. Held by tests/quilt/undo-faults.test.ts.
 */
export async function undoStep(run: UndoRun): Promise<readonly UndoChange[]> {
  const { host, store } = run;
  const { workspace } = store.read(run.step);
  return withFileLock(store.lockPath(workspace), async () => {
    const step = store.read(run.step);
    const scratch = scratchOf(host, store, step, 'bind');
    store.markUnderWay(step.id, 'us');
    const printed: Uint8Array[] = [];
    let end: ScratchEnd;
    try {
      end = await withScratchGuest(scratch, (channel) =>
        runInScratch(channel, {
          args: wordsOf(step, run.isForced ? ['--force'] : []),
          onOutput: (data) => printed.push(data.slice()),
        }),
      );
    } catch (error) {
      store.markUnderWay(step.id, 'nobody');
      throw error;
    }
    const changes: UndoChange[] = [];
    for await (const change of parseUndoLines(printed)) changes.push(change);
    if (end.exitCode !== 0) {
      const isRefused = end.exitCode === exitCodes.changed || end.exitCode === exitCodes.blocked;
      if (isRefused && step.state === 'applied') store.markApplied(step.id);
      else store.markUnderWay(step.id, 'nobody');
      throw isRefused
        ? changedAfter(
            step.id,
            changes.map(({ path }) => path),
            end.exitCode === exitCodes.blocked,
          )
        : undoFailed(step.id, end.complaints);
    }
    await deleteStep(host, store, step.id);
    // They come in the order in which they were done: what is in a directory before it.
    return changes.sort((one, other) => (one.path < other.path ? -1 : 1));
  });
}

function wordsOf({ id, state }: ApplyStep, more: readonly string[]): readonly string[] {
  const interrupted = state === 'applied' ? [] : ['--interrupted'];
  return ['undo', ...more, ...interrupted, id, insidePaths.record, insidePaths.workspace];
}

function scratchOf(
  host: EngineHost,
  store: StepStore,
  { id, workspace }: ApplyStep,
  access: 'bind' | 'readOnly',
): ScratchOptions {
  if (statSync(workspace, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw workspaceGone(id, workspace);
  return scratchOfStep(host, { workspace, record: store.path(id, 'record') }, access);
}
