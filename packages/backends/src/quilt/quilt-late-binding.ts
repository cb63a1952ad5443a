import { isDeepStrictEqual } from 'node:util';
import { SovereignError } from '@sovereign/protocol';
import type { LateBinding, LimitSpec, SandboxSpec } from '@sovereign/core';
import { QuiltGuest, type QuiltGuestHost } from './quilt-guest.ts';

/**
 * Name, user, environment and labels of a quilt sandbox are records of ours, and its limits those of its control groups: all
 * can be given to one that runs. A workspace is a mount in a namespace that only the launch makes.
 */
export function quiltLateBinding(host: QuiltGuestHost): LateBinding {
  return {
    hasWorkspace: false,
    async bind(spec) {
      const made = host.state.readSpec(spec.id);
      const guest = new QuiltGuest(spec, host, await host.imageConfig(spec.id));
      if (guest.state() !== 'running') throw notRunning(spec.id, guest.state());
      if (!isDeepStrictEqual(spec.workspace, made.workspace)) throw workspaceIsFixed(spec);
      const changed = changedLimits(made.limits, spec.limits);
      if (Object.keys(changed).length > 0) await guest.setLimits(changed);
      host.state.rebind(spec);
      return guest;
    },
  };
}

/** Limits that are not as they were; those that are no longer named stay. */
function changedLimits(from: LimitSpec, to: LimitSpec): LimitSpec {
  return Object.fromEntries(
    Object.entries(to).filter(([name, value]) => value !== from[name as keyof LimitSpec]),
  );
}

function workspaceIsFixed({ id, workspace }: SandboxSpec): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Sandbox ${id} runs and cannot be given the workspace ${workspace?.hostPath ?? '(none)'} (lateBinding.hasWorkspace).`,
    hint: 'Create a sandbox with that workspace.',
    context: { sandbox: id, capability: 'lateBinding.hasWorkspace' },
  });
}

function notRunning(id: string, state: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${id} is ${state} and cannot be given to anybody.`,
    hint: 'Take another one.',
    context: { sandbox: id, state },
  });
}
