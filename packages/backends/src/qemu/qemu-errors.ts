import type { SandboxSpec } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

/** @throws SovereignError `argument.invalid`, `capability.missing`, `limit.unsupported` for what this backend cannot give */
export function checkSupported(spec: SandboxSpec): void {
  if (spec.isInsecure) {
    throw new SovereignError({
      reason: 'argument.invalid',
      message: 'A microVM does not run with isInsecure.',
      hint: 'Leave it out, or ask for the process tier.',
    });
  }
  if (spec.network === 'host') {
    throw new SovereignError({
      reason: 'capability.missing',
      message: 'A microVM has no network card: the network of the host cannot be given to it.',
      hint: 'Leave the network out, or ask for the container tier.',
      context: { operation: 'network' },
    });
  }
  if (spec.limits.pids !== undefined) {
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `A microVM has no limit on processes: ${spec.limits.pids}. Its memory bounds them.`,
      hint: 'Leave the limit out: nothing in the machine reaches processes of the host.',
    });
  }
}
