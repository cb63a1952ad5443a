import { SovereignError } from '@sovereign/protocol';
import type { SandboxId, StepId } from '@sovereign/core';
import { firstLines } from '@sovereign/guest';

/** How many paths a message names; `sovereign undo --dry-run` names all. */
const maxNamed = 20;

export function notReviewed(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `The workspace of ${id} is not reviewed: what it writes is written at once.`,
    hint: 'Make the sandbox with workspace.isReviewed.',
    context: { id },
  });
}

export function shielded(path: string, shield: string): SovereignError {
  return new SovereignError({
    reason: 'review.refused',
    message: `${path} was not applied, and nothing else: it would run later on this host.`,
    hint: `Look at it first, then grant ${shield}.`,
    context: { path, grant: shield, applied: 0 },
  });
}

export function tooManyChanges(most: number): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `More than ${most} changes cannot be applied at once.`,
    hint: 'Name directories, one after another.',
  });
}

/** Where an application ended, and what undoes what it had done by then. */
export interface ApplyEnd {
  readonly path: string;
  readonly complaints: string;
  readonly applied: number;
  readonly step: StepId | undefined;
}

export function linkRefused({ path, complaints, ...end }: ApplyEnd): SovereignError {
  return new SovereignError({
    reason: 'review.refused',
    message: `${path} was not applied: ${firstLines(complaints)}`,
    hint: `Links that lead out of the workspace, and what is no file, directory or link, are not applied.${undoHint(end)}`,
    context: { path, ...partOf(end) },
  });
}

export function changedSince({ path, ...end }: Omit<ApplyEnd, 'complaints'>): SovereignError {
  return new SovereignError({
    reason: 'review.changed',
    message: `${path} was not applied: it is not what was reviewed any more.`,
    hint: `Review the changes again.${undoHint(end)}`,
    context: { path, ...partOf(end) },
  });
}

/** Somebody else was at work in the workspace between the record and the application. */
export function changedMeanwhile({ path, complaints, ...end }: ApplyEnd): SovereignError {
  const what = end.applied === 0 ? 'Nothing was applied' : `${path} was not applied`;
  const said = firstLines(complaints).replace(/^shelld: /, '');
  return new SovereignError({
    reason: 'review.changed',
    message: `${what}: ${said} in the workspace meanwhile.`,
    hint: `What is there was left as it is. Look at it, review the changes again, and apply those that you still want.${undoHint(end)}`,
    context: { path, ...partOf(end) },
  });
}

export function applyFailed({ path, complaints, ...end }: ApplyEnd): SovereignError {
  return new SovereignError({
    reason: 'file.failed',
    message: `${path} could not be applied: ${firstLines(complaints)}`,
    hint: `Is the workspace writable, and its disk not full?${undoHint(end)}`,
    context: { path, ...partOf(end) },
  });
}

function partOf({
  applied,
  step,
}: Pick<ApplyEnd, 'applied' | 'step'>): Readonly<Record<string, string | number>> {
  return { applied, ...(step !== undefined && { step }) };
}

function undoHint({ step }: Pick<ApplyEnd, 'step'>): string {
  return step === undefined ? '' : ` What was applied until then is undone by: sovereign undo ${step}`;
}

export function notRecorded(complaints: string): SovereignError {
  return new SovereignError({
    reason: 'step.not-recorded',
    message: `Nothing was applied, since what it would replace could not be kept: ${firstLines(complaints)}`,
    hint: 'Free disk space, apply less at once, or give up undoing it: --no-undo.',
  });
}

export function irreversible(complaints: string): SovereignError {
  return new SovereignError({
    reason: 'review.refused',
    message: `Nothing was applied: ${firstLines(complaints)}`,
    hint: 'Move it away yourself, apply other paths, or give up undoing it: --no-undo.',
    context: { applied: 0 },
  });
}

export function stepNotFound(step: string): SovereignError {
  return new SovereignError({
    reason: 'step.not-found',
    message: `No application has the id ${step}.`,
    hint: 'It may have been undone already. List them: sovereign step ls',
    context: { step },
  });
}

/**
 * @param isBlocked a directory is gone that held what is to be put back, which force does not help
 */
export function changedAfter(step: StepId, paths: readonly string[], isBlocked: boolean): SovereignError {
  const named = paths.slice(0, maxNamed).join(', ');
  const more = paths.length > maxNamed ? ` and ${paths.length - maxNamed} more` : '';
  return new SovereignError({
    reason: 'step.changed',
    message: isBlocked
      ? `Nothing was undone: what held these paths is no directory any more: ${named}${more}.`
      : `Nothing was undone: these paths were changed after ${step} was applied: ${named}${more}.`,
    hint: isBlocked
      ? 'Make the directory again, then undo.'
      : 'Undo later steps first, or give these changes up: --force. All of it is shown by --dry-run.',
    context: { step, changed: paths.length, paths: JSON.stringify(paths.slice(0, maxNamed)) },
  });
}

export function undoFailed(step: StepId, complaints: string): SovereignError {
  return new SovereignError({
    reason: 'file.failed',
    message: `${step} could not be undone: ${firstLines(complaints)}`,
    hint: `Is the workspace writable, and its disk not full? Nothing is lost; go on with: sovereign undo ${step}`,
    context: { step },
  });
}

export function workspaceGone(step: StepId, workspace: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `${step} cannot be undone: its workspace ${workspace} is no directory any more.`,
    hint: 'Put the directory back where it was.',
    context: { step, workspace },
  });
}
