import { existsSync } from 'node:fs';
import { connectGuestChannel, findProgram } from '@sovereign/guest';
import { containerEngineContract, tierTest } from '@sovereign/testkit';
import { startPublishing } from '../support/publishing.ts';
import { probeTiers } from '../support/tiers.ts';

const { publish } = await startPublishing();
const isRoot = process.geteuid?.() === 0;

for (const { tier, absence } of await probeTiers(['quilt'])) {
  tierTest('quilt', absence, () => {
    containerEngineContract({
      name: 'quilt',
      hasKernel: true,
      hostSeesProcesses: true,
      hasQuotas:
        isRoot && existsSync('/dev/loop-control') && findProgram('debugfs', '/usr/sbin:/sbin') !== undefined,
      hasBuilder: findProgram('buildah') !== undefined,
      ...(publish && { publish }),
      openChannel: (stream) => connectGuestChannel(stream),
      create: (directories) => Promise.resolve(tier.create(directories)),
    });
  });
}
