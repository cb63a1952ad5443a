import { busyboxAbsence, containerEngineContract, tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';
import { dockerCompatible } from '../support/engine-subject.ts';
import { startPublishing } from '../support/publishing.ts';

const { registry, publish } = await startPublishing();
const { tier, absence } = tierOf(await startEngine('podman', { ...(registry && { registry }) }));
const busybox = busyboxAbsence();
tierTest(tier.need, busybox === undefined ? absence : { isMissing: true, reason: busybox }, () => {
  containerEngineContract({
    name: tier.name,
    ...dockerCompatible,
    // Its containers have the kind of network that they were made with.
    connectsLater: false,
    ...(publish && { publish }),
    create: (directories) => Promise.resolve(tier.create(directories)),
  });
});
