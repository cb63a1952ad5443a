import type { Bench } from './bench.ts';
import type { Available } from './figure.ts';
import type { OurSandbox, OurTier } from './ours.ts';
import { then } from './side.ts';

/** Gives the work one sandbox of ours, or the reason why there is none, and removes it afterwards. */
export async function withSandbox<T>(
  bench: Bench,
  tier: OurTier,
  work: (sandbox: Available<OurSandbox>) => Promise<T>,
): Promise<T> {
  const sandbox = await then(await bench.ours(), (ours) => ours.create(tier));
  try {
    return await work(sandbox);
  } finally {
    if (sandbox.ok) await sandbox.value.remove();
  }
}
