import { tierTest } from '@sovereign/testkit';
import { startEngine, tierOf } from '../support/engines.ts';
import { openGuestSandbox } from './guest-sandbox.ts';
import { runTasks } from './run-tasks.ts';

const { tier, absence } = tierOf(await startEngine('docker'));
tierTest('docker', absence, () => runTasks(tier.name, () => openGuestSandbox(tier)));
