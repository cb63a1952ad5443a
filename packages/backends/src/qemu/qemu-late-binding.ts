import { SovereignError } from '@sovereign/protocol';
import { checkBindable, type LateBinding, type LimitSpec, type SandboxSpec } from '@sovereign/core';
import { QemuGuest, type QemuGuestHost } from './qemu-guest.ts';

/**
 * Name, environment and labels of a machine are records of ours, and the machine is told its new host name, with entropy,
 * time and machine id of the claim. Its memory, its processors and the directory that it shares are those of its monitor.
 */
export function qemuLateBinding(host: QemuGuestHost): LateBinding {
  return {
    hasWorkspace: false,
    async bind(spec) {
      const made = host.state.readSpec(spec.id);
      const guest = new QemuGuest(spec, host, await host.imageConfig(made));
      checkBindable(made, guest.state(), spec);
      const changed = changedLimit(made.limits, spec.limits);
      if (changed !== undefined) throw limitIsFixed(spec, changed);
      // SAFETY: it is the claimant's when it has its identity, and not before (tests/pool/qemu-pool.test.ts).
      await guest.identify();
      host.state.rebind(spec);
      return guest;
    },
  };
}

/** A limit that is not as it was; one that is no longer named stays. */
function changedLimit(from: LimitSpec, to: LimitSpec): keyof LimitSpec | undefined {
  return (Object.keys(to) as (keyof LimitSpec)[]).find((name) => to[name] !== from[name]);
}

function limitIsFixed({ id, limits }: SandboxSpec, name: keyof LimitSpec): SovereignError {
  return new SovereignError({
    reason: 'limit.unsupported',
    message: `Sandbox ${id} runs and cannot be given ${name} ${String(limits[name])}: a microVM has what it was started with.`,
    hint: 'Open the pool with that limit, or create a sandbox with it.',
    context: { limit: name },
  });
}
