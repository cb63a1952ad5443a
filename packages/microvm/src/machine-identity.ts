import { randomBytes } from 'node:crypto';
import { hostNameOf, type SandboxSpec } from '@sovereign/core';
import type { MachineIdentity } from '@sovereign/guest';

/** Who a machine is from now on: its host name, and what no other machine and no other fork has. */
export function identityOf(spec: SandboxSpec): MachineIdentity {
  return {
    entropy: randomBytes(64),
    realtimeUs: Date.now() * 1_000,
    hostName: hostNameOf(spec),
    machineId: randomBytes(16).toString('hex'),
  };
}
