import { totalmem } from 'node:os';
import { checkObject, checkWhole, invalid } from '../runtime/argument-checks.ts';
import { checkResourceName, type CreateOptions } from '../runtime/create-options.ts';

/** What sandboxes a pool keeps ready, and how many. */
export interface PoolOptions extends Pick<
  CreateOptions,
  | 'tier'
  | 'image'
  | 'workspace'
  | 'user'
  | 'env'
  | 'limits'
  | 'network'
  | 'labels'
  | 'volumes'
  | 'pull'
  | 'onPull'
  | 'signal'
> {
  /** Unique among the open pools of one runtime: `[a-z0-9]`, then up to 62 of `[a-z0-9._-]`. Default: a random one. */
  readonly name?: string;
  /** How many are kept ready, 1 to 256. Default 2: one is left while the one that was claimed is replaced. */
  readonly size?: number;
  /**
   * What the ready ones may use together, in bytes; one counts for its memory limit, or for what it uses when it is up.
   * Default: a quarter of the host's memory, so that a pool never is what fills it.
   */
  readonly memoryBytes?: number;
  /** How many are brought up at the same time, 1 to 32. Default 2: claims come first on a small host. */
  readonly concurrency?: number;
}

/**
 * What a claim makes of a ready sandbox. Environment, labels and limits add to those of the pool; name, workspace and user
 * take the place of the pool's.
 */
export interface ClaimOptions extends Pick<
  CreateOptions,
  'name' | 'workspace' | 'user' | 'env' | 'limits' | 'labels' | 'strategy' | 'scope' | 'lifetime' | 'signal'
> {
  /** Refuses with `pool.exhausted` when nothing is ready. Default false: it waits for the next one. */
  readonly isReadyOnly?: boolean;
}

/** Sizes of a pool, with their defaults. */
export interface PoolBounds {
  readonly size: number;
  readonly budgetBytes: number;
  readonly concurrency: number;
}

/** @throws SovereignError `argument.invalid` */
export function poolBounds(options: PoolOptions): PoolBounds {
  checkObject('options', options);
  const { name, size = 2, memoryBytes = Math.floor(totalmem() / 4), concurrency = 2 } = options;
  if (name !== undefined) checkResourceName('name', name);
  checkWhole('size', size, { min: 1, max: 256 });
  checkWhole('concurrency', concurrency, { min: 1, max: 32 });
  checkWhole('memoryBytes', memoryBytes, { min: 1_048_576, max: Number.MAX_SAFE_INTEGER });
  const one = options.limits?.memoryBytes;
  if (one !== undefined && one > memoryBytes)
    throw invalid('memoryBytes', memoryBytes, `room for one sandbox of ${one} bytes`);
  return { size, budgetBytes: memoryBytes, concurrency };
}

/** What a sandbox of the pool is asked for when it is claimed. */
export function claimedOptions(pool: PoolOptions, claim: ClaimOptions): CreateOptions {
  checkObject('options', claim);
  const { tier, image, network, volumes } = pool;
  const { name, strategy, scope, lifetime } = claim;
  const workspace = claim.workspace ?? pool.workspace;
  const user = claim.user ?? pool.user;
  return {
    ...(name !== undefined && { name }),
    ...(tier !== undefined && { tier }),
    ...(image !== undefined && { image }),
    ...(workspace !== undefined && { workspace }),
    ...(user !== undefined && { user }),
    ...(network !== undefined && { network }),
    ...(volumes !== undefined && { volumes }),
    ...(strategy !== undefined && { strategy }),
    ...(scope !== undefined && { scope }),
    ...(lifetime !== undefined && { lifetime }),
    env: { ...pool.env, ...claim.env },
    limits: { ...pool.limits, ...claim.limits },
    labels: { ...pool.labels, ...claim.labels },
  };
}
