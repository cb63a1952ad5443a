import type { Figure } from '../figure.ts';
import { timed } from '../interleave.ts';
import type { OurPool, OurSandbox, OurTier, Ours } from '../ours.ts';
import { side, then } from '../side.ts';
import { restMs, timeCreate } from '../time-create.ts';

/** What a warm pool saves on a tier: the same sandbox claimed, and made when it is asked for. */
function poolClaim(tier: OurTier): Figure {
  return {
    name: `${tier}-pool-claim`,
    title: `Claim from a warm pool to the first true answered, ${tier}`,
    unit: 'ms',
    direction: 'lower',
    targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 5 }],
    run: async (bench) => {
      const ours = await bench.ours();
      const pool = await then(ours, (from) => from.pool(tier));
      try {
        return await bench.interleave(
          side({
            name: tier,
            samples: bench.samples(200, 30),
            warmUps: 3,
            pauseMs: restMs,
            from: pool,
            sample: timeClaim,
          }),
          [
            side({
              name: 'ours, created when asked for',
              samples: bench.samples(50, 10),
              warmUps: 1,
              pauseMs: restMs,
              from: ours,
              sample: (from: Ours) => timeCreate(from, tier),
            }),
          ],
        );
      } finally {
        if (pool.ok) await pool.value.drain();
      }
    },
  };
}

/** Claim → first `true` answered, in milliseconds; then it is removed. The pool is full before. */
export async function timeClaim(pool: OurPool): Promise<number> {
  await pool.whenFull();
  let sandbox: OurSandbox | undefined;
  try {
    return await timed(async () => {
      sandbox = await pool.claim();
      await sandbox.run('true');
    });
  } finally {
    await sandbox?.remove();
  }
}

export const quiltPoolClaim: Figure = poolClaim('quilt');
