import { checkBindable, type LateBinding, type LimitSpec } from '@sovereign/core';
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
      const guest = new QuiltGuest(spec, host, await host.imageConfig(made));
      checkBindable(made, guest.state(), spec);
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
