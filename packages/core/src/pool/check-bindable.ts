import { isDeepStrictEqual } from 'node:util';
import { SovereignError } from '@sovereign/protocol';
import type { GuestState } from '../contract/backend.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';

/**
 * Refuses to bind late what cannot be, for backends whose guests have the workspace that they were made with.
 *
 * @param made what the guest was made as, in a pool.
 * @param state of the guest now.
 * @param spec what it is to become.
 * @throws SovereignError `sandbox.not-running`, `capability.missing` for another workspace
 */
export function checkBindable(made: SandboxSpec, state: GuestState, spec: SandboxSpec): void {
  if (state !== 'running') throw notRunning(spec.id, state);
  if (!isDeepStrictEqual(spec.workspace, made.workspace)) throw workspaceIsFixed(spec);
}

function workspaceIsFixed({ id, workspace }: SandboxSpec): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Sandbox ${id} runs and cannot be given the workspace ${workspace?.hostPath ?? '(none)'} (lateBinding.hasWorkspace).`,
    hint: 'Create a sandbox with that workspace, or open the pool with it.',
    context: { sandbox: id, capability: 'lateBinding.hasWorkspace' },
  });
}

function notRunning(id: string, state: GuestState): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${id} is ${state} and cannot be given to anybody.`,
    hint: 'Take another one.',
    context: { sandbox: id, state },
  });
}
