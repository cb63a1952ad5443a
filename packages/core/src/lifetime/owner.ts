import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import { isAlive, processIdentity } from '../identity/process-identity.ts';

/** Label of an ephemeral sandbox: the process that made it, `pid.startTicks.bootId`. */
export const ownerLabel = 'sovereign.owner';

/** The label that names this process; none where processes have no identity that lasts (outside Linux). */
export function ownerLabels(): Readonly<Record<string, string>> {
  const identity = processIdentity(process.pid);
  if (identity === undefined) return {};
  return { [ownerLabel]: `${identity.pid}.${identity.startTicks}.${identity.bootId}` };
}

/** Whether the process that made a sandbox is known to be gone. */
export function isOwnerGone({ labels }: Pick<SandboxSpec, 'labels'>): boolean {
  const match = /^(\d{1,10})\.(\d{1,16})\.([0-9a-z]{1,32})$/.exec(labels[ownerLabel] ?? '');
  if (match === null) return false;
  const [, pid = '', ticks = '', bootId = ''] = match;
  return !isAlive({ pid: Number(pid), startTicks: Number(ticks), bootId });
}
