import { connectGuestChannel } from '@sovereign/guest';
import { busyboxAbsence, containerEngineContract, tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';

const { tier, absence } = tierOf(await startEngine('docker'));
const busybox = busyboxAbsence();
tierTest(tier.need, busybox === undefined ? absence : { isMissing: true, reason: busybox }, () => {
  containerEngineContract({
    name: tier.name,
    hasKernel: true,
    hostSeesProcesses: true,
    hasQuotas: false,
    hasBuilder: true,
    hasUniqueNames: false,
    // Docker reads OCI archives from 25 on.
    readsOci: false,
    openChannel: (stream) => connectGuestChannel(stream),
    create: (directories) => Promise.resolve(tier.create(directories)),
    timeoutMs: 60_000,
  });
});
