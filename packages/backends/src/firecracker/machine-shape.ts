import type { LimitSpec, SandboxSpec } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';

const mebibyte = 1024 * 1024;
/** What a guest gets that asks for nothing: room for a compiler. Unused memory costs the host nothing. */
const defaultMemoryMib = 512;
const minMemoryMib = 64;
/** Firecracker's own ceiling. */
const maxCpus = 32;
/** Port of the guest that shelld listens on. */
export const channelPort = 1024;

/** What a machine is made of, besides its files. */
export interface MachineShape {
  readonly memoryMib: number;
  readonly cpus: number;
}

/** @throws SovereignError `argument.invalid` for less than a kernel boots in, or more processors than there can be */
export function machineShape(limits: LimitSpec): MachineShape {
  const memoryMib =
    limits.memoryBytes === undefined ? defaultMemoryMib : Math.ceil(limits.memoryBytes / mebibyte);
  if (memoryMib < minMemoryMib) throw invalid('Memory', `${memoryMib} MiB`, `at least ${minMemoryMib} MiB`);
  const cpus = Math.max(1, Math.ceil(limits.cpus ?? 1));
  if (cpus > maxCpus) throw invalid('Processors', String(cpus), `at most ${maxCpus}`);
  return { memoryMib, cpus };
}

/**
 * Refuses what Firecracker cannot give.
 *
 * @throws SovereignError `argument.invalid`, `capability.missing`, `limit.unsupported`
 */
export function checkSupported(spec: SandboxSpec): void {
  if (spec.isInsecure)
    throw new SovereignError({
      reason: 'argument.invalid',
      message: 'A microVM does not run with isInsecure.',
      hint: 'Leave it out, or ask for the process tier.',
    });
  if (spec.network === 'host')
    throw missing('network', 'it has no network card: the network of the host cannot be given to it');
  if (spec.image.kind === 'host')
    throw missing(
      'image host',
      'Firecracker shows a guest no directory of the host: give it an image of its own',
    );
  if (spec.workspace !== undefined)
    throw missing('workspace', 'Firecracker shows a guest no directory of the host: copy files in and out');
  if ((spec.volumes ?? []).length > 0)
    throw missing('volumes', 'Firecracker shows a guest no directory of the host: copy files in and out');
  if (spec.limits.pids !== undefined)
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `A microVM has no limit on processes: ${spec.limits.pids}. Its memory bounds them.`,
      hint: 'Leave the limit out: nothing in the machine reaches processes of the host.',
    });
  machineShape(spec.limits);
}

function missing(what: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `A Firecracker sandbox has no ${what}: ${why}.`,
    hint: 'Leave it out, or ask for the tier qemu.',
    context: { backend: 'firecracker', capability: what },
  });
}

function invalid(what: string, found: string, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${what} of a microVM: ${found} (expected ${expected}).`,
    hint: 'Change the limits and create it again.',
  });
}
