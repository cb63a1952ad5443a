import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuestChannel } from '@sovereign/guest';
import { backendContract, channelContract, environmentOf, sandboxSpecForTest } from '@sovereign/testkit';
import type { TestTier } from '../support/tiers.ts';

/** The suite that every backend passes. */
export function tierBackendContract(tier: TestTier): void {
  backendContract({
    name: tier.name,
    hasKernel: true,
    hostSeesProcesses: tier.isMachine !== true,
    openChannel: (stream) => connectGuestChannel(stream),
    create: (directories) => Promise.resolve(tier.create(directories)),
  });
}

/** The suite of the conversation with a guest, over the stream that this tier hands over. */
export function tierChannelContract(
  tier: TestTier,
  { reconnect, floodBytes = 268_435_456 }: { readonly reconnect: boolean; readonly floodBytes?: number },
): void {
  channelContract({
    name: tier.name,
    has: { kernel: true, pty: true, reconnect, hostSeesProcesses: tier.isMachine !== true },
    floodBytes,
    create: async () => {
      const root = await mkdtemp(join(tmpdir(), 'svt-'));
      const [stateDir, runtimeDir, hostPath] = [join(root, 's'), join(root, 'r'), join(root, 'w')];
      for (const path of [stateDir, runtimeDir]) await mkdir(path, { mode: 0o700 });
      await mkdir(hostPath);
      const backend = tier.create({ stateDir, runtimeDir });
      const guest = await backend.create(sandboxSpecForTest({ workspace: { hostPath } }));
      return {
        connect: async () => connectGuestChannel(await guest.connect()),
        workspacePath: guest.workspacePath,
        env: [...environmentOf(guest), 'LC_ALL=C.UTF-8'],
        dispose: async () => {
          await guest.remove();
          await backend.close();
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  });
}
