import { tierTest } from '@sovereign/testkit';
import { allTiers, probeTiers } from '../support/tiers.ts';
import { tierBackendContract, tierChannelContract } from './tier-contracts.ts';

for (const { tier, absence } of await probeTiers(allTiers)) {
  tierTest(tier.need, absence, () => {
    tierBackendContract(tier);
    tierChannelContract(tier, {
      reconnect: tier.need !== 'process',
      ...(tier.isMachine === true && { floodBytes: 67_108_864 }),
    });
  });
}
