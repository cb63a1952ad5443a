import { tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';
import { tierBackendContract, tierChannelContract } from './tier-contracts.ts';

const { tier, absence } = tierOf(await startEngine('docker'));
tierTest(tier.need, absence, () => {
  tierBackendContract(tier);
  tierChannelContract(tier, { reconnect: true });
});
