import type { Guest, LateBinding, SandboxId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import type { FakeFailures } from './fake-failures.ts';
import type { FakeGuest } from './fake-guest.ts';

export interface FakeLateBindingInit {
  readonly guests: ReadonlyMap<SandboxId, FakeGuest>;
  readonly failures: FakeFailures;
  readonly hasWorkspace: boolean;
}

/** Binds guests in memory, by the rules of the contract. */
export function fakeLateBinding({ guests, failures, hasWorkspace }: FakeLateBindingInit): LateBinding {
  return {
    hasWorkspace,
    async bind(spec): Promise<Guest> {
      await Promise.resolve();
      const guest = guests.get(spec.id);
      if (guest === undefined) throw refused('sandbox.not-found', spec.id, 'it is not there');
      if (guest.state !== 'running') throw refused('sandbox.not-running', spec.id, `it is ${guest.state}`);
      if (failures.bind === true) throw refused('sandbox.create-failed', spec.id, 'a failure was injected');
      if (
        spec.workspace !== undefined &&
        spec.workspace.hostPath !== guest.spec.workspace?.hostPath &&
        !hasWorkspace
      )
        throw refused('capability.missing', spec.id, 'it was made without hasWorkspace');
      const { name } = spec;
      if (name !== undefined && [...guests.values()].some((one) => one !== guest && one.spec.name === name))
        throw refused('sandbox.exists', spec.id, `the name ${name} is taken`);
      guest.spec = spec;
      return guest;
    },
  };
}

function refused(
  reason:
    | 'sandbox.not-found'
    | 'sandbox.not-running'
    | 'sandbox.create-failed'
    | 'sandbox.exists'
    | 'capability.missing',
  id: SandboxId,
  why: string,
): SovereignError {
  return new SovereignError({
    reason,
    message: `Sandbox ${id} could not be bound: ${why}.`,
    hint: 'Look at what the test set up.',
    context: { sandbox: id },
  });
}
