import { connectGuestChannel } from '@sovereign/guest';
import type { EngineContractOptions } from '@sovereign/testkit';

/** What the engines of the tests have in common, as the contract of engines asks for it: no quotas in their local driver. */
export const dockerCompatible = {
  hasKernel: true,
  hostSeesProcesses: true,
  hasQuotas: false,
  hasBuilder: true,
  openChannel: (stream) => connectGuestChannel(stream),
  timeoutMs: 60_000,
} as const satisfies Partial<EngineContractOptions>;

/** Docker reads OCI archives from 25 on. */
export const docker = { ...dockerCompatible, readsOci: false } as const;
