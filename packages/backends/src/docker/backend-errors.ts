import { SovereignError } from '@sovereign/protocol';
import type { SandboxId } from '@sovereign/core';
import type { RefusalMeaning } from './engine-errors.ts';
import { containerName, labels } from './sandbox-labels.ts';

export const createFailed: RefusalMeaning = {
  status: 500,
  reason: 'sandbox.create-failed',
  hint: 'Look at the log of the engine.',
};

export function specOrigin(id: SandboxId): string {
  return `label ${labels.spec} of ${containerName(id)}`;
}

export function nameTaken(name: string, id: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.exists',
    message: `A sandbox of the name ${name} exists: ${id}.`,
    hint: `Choose another name, or remove that one first: sovereign rm ${id}`,
    context: { id },
  });
}

export function workspaceElsewhere(path: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `The workspace ${path} cannot be mounted: the container engine runs on another host.`,
    hint: 'Go without one (--no-workspace) and copy files in (sovereign cp), or use an engine of this host.',
    context: { path },
  });
}

export function insecureRefused(): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: 'docker does not run with isInsecure.',
    hint: 'Leave it out, or ask for the process tier.',
  });
}
