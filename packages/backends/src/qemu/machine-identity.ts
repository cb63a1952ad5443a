import { randomBytes } from 'node:crypto';
import type { SandboxSpec } from '@sovereign/core';
import type { MachineIdentity } from '@sovereign/guest';

/** Linux takes no longer host name. */
const maxHostNameLength = 63;

/** Who a machine is from now on: its host name, and what no other machine and no other fork has. */
export function identityOf(spec: SandboxSpec): MachineIdentity {
  return {
    entropy: randomBytes(64),
    realtimeUs: Date.now() * 1_000,
    hostName: (spec.name ?? spec.id).replaceAll(/[^a-zA-Z0-9-]/g, '-').slice(0, maxHostNameLength),
    machineId: randomBytes(16).toString('hex'),
  };
}
