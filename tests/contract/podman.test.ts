import { tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';
import { tierBackendContract } from './tier-contracts.ts';

// The channel is the same over the same socket, and Docker is where it is tested.
const { tier, absence } = tierOf(await startEngine('podman'));
tierTest(tier.need, absence, () => {
  tierBackendContract(tier);
});
