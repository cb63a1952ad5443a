import { connectGuestChannel } from '@sovereign/guest';
import { busyboxAbsence, containerEngineContract, tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';
import { startPublishing } from '../support/publishing.ts';

const { registry, publish } = await startPublishing();
const { tier, absence } = tierOf(await startEngine('docker', { ...(registry && { registry }) }));
const busybox = busyboxAbsence();
tierTest(tier.need, busybox === undefined ? absence : { isMissing: true, reason: busybox }, () => {
  containerEngineContract({
    name: tier.name,
    hasKernel: true,
    hostSeesProcesses: true,
    hasQuotas: false,
    hasBuilder: true,
    // Docker reads OCI archives from 25 on.
    readsOci: false,
    ...(publish && { publish }),
    openChannel: (stream) => connectGuestChannel(stream),
    create: (directories) => Promise.resolve(tier.create(directories)),
    timeoutMs: 60_000,
  });
});
