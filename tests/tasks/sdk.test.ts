import { tierTest } from '@sovereign/testkit';
import { probeTiers } from '../support/tiers.ts';
import { runTasks } from './run-tasks.ts';
import { openSdkSandbox } from './sdk-sandbox.ts';

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  const name = tier.name === 'quilt' ? 'quilt' : 'process';
  tierTest(name, absence, () => runTasks(`sdk on ${name}`, () => openSdkSandbox(name)));
}
