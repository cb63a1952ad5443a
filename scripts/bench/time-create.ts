import { timed } from './interleave.ts';
import type { OurSandbox, OurTier, Ours } from './ours.ts';

/**
 * Rest between two creations. Creating in a loop finds what the kernel keeps warm for a moment, above all the lock around
 * moving processes between control groups, whose first writer waits for a grace period of RCU: 7 ms and more. Who
 * creates one sandbox finds it cold.
 */
export const restMs = 60;

/** Create → first `true` answered, in milliseconds; then it is removed. */
export async function timeCreate(ours: Ours, tier: OurTier, reference?: string): Promise<number> {
  let sandbox: OurSandbox | undefined;
  try {
    return await timed(async () => {
      sandbox = await ours.create(tier, reference);
      await sandbox.run('true');
    });
  } finally {
    await sandbox?.remove();
  }
}
