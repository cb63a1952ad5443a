import type { SandboxId, SnapshotId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

const mebibyte = 1024 * 1024;

export function sharedImage(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `${id} runs on the host's own /usr, which is shared with it and not part of it: it has no snapshot.`,
    hint: 'Create it from an image of its own: --image with a root file system, a tar or a name.',
    context: { id },
  });
}

export function takeFailed(id: SandboxId, problem: string, cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `No snapshot of ${id} was taken: ${problem}.`,
    hint: 'The sandbox runs on; nothing of the snapshot is left.',
    context: { id },
    cause,
  });
}

export function incompatible(id: SnapshotId, why: string): SovereignError {
  return new SovereignError({
    reason: 'snapshot.incompatible',
    message: `Snapshot ${id} cannot be resumed here: ${why}.`,
    hint: 'Resume it where it was taken, or take another.',
    context: { id },
  });
}

export function noMemory(id: SnapshotId, wantedBytes: number, freeBytes: number): SovereignError {
  const [wanted, free] = [Math.ceil(wantedBytes / mebibyte), Math.max(0, Math.floor(freeBytes / mebibyte))];
  return new SovereignError({
    reason: 'sandbox.create-failed',
    message: `Snapshot ${id} was not resumed: its machine may need ${wanted} MiB, and ${free} MiB of memory are free here.`,
    hint: 'Remove sandboxes that are not needed, or raise the memory limit of the control group that this process is in.',
    context: { id, wantedBytes, freeBytes },
  });
}
