import { tierTest } from '@sovereign/testkit';
import { allTiers, probeTiers } from '../support/tiers.ts';
import { openGuestSandbox } from './guest-sandbox.ts';
import { runTasks } from './run-tasks.ts';

/** QEMU's 9p server makes no named pipes and no sockets (ADR 0017). */
const noSpecialFilesBy9p = ['fifo', 'python-sockets'];

for (const { tier, absence } of await probeTiers(allTiers)) {
  const fail = tier.name === 'qemu' ? noSpecialFilesBy9p : [];
  tierTest(tier.need, absence, () => runTasks(tier.name, () => openGuestSandbox(tier), fail));
}
