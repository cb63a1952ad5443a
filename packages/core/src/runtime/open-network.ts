import type { CreateOptions } from './create-options.ts';
import type { SandboxHandle } from './sandbox-handle.ts';

/** Gives a new sandbox the egress and ports that it was asked for with. When that fails, nothing of it is left. */
export async function openNetwork(handle: SandboxHandle, options: CreateOptions): Promise<void> {
  try {
    if (options.egress !== undefined) await handle.network.setEgress(options.egress);
    for (const port of options.ports ?? []) await handle.network.publish(port);
  } catch (error) {
    await handle.remove();
    throw error;
  }
}
