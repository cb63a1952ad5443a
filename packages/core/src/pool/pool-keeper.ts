import { randomBytes } from 'node:crypto';
import { SovereignError } from '@sovereign/protocol';
import type { Backend } from '../contract/backend.ts';
import type { LateBinding } from '../contract/late-binding.ts';
import type { PoolMark, SandboxSpec } from '../contract/sandbox-spec.ts';
import { processIdentity } from '../identity/process-identity.ts';
import { randomName } from '../identity/random-name.ts';
import { runtimeOf } from '../containers/engine-choice.ts';
import { fetchImage } from '../containers/fetch-image.ts';
import { invalid } from '../runtime/argument-checks.ts';
import { needsHostFiles, selectBackend, type Selection } from '../selection/select-backend.ts';
import { EntryMaker } from './entry-maker.ts';
import type { PoolHost } from './pool-host.ts';
import { claimedOptions, poolBounds, type PoolBounds, type PoolOptions } from './pool-options.ts';
import { SandboxPool } from './sandbox-pool.ts';
import { sweepWarm } from './sweep-warm.ts';
import type { WarmEntry } from './warm-entry.ts';
import { WarmPool } from './warm-pool.ts';

/** The open pools of one runtime. */
export class PoolKeeper {
  readonly #host: PoolHost;
  readonly #pools = new Map<string, SandboxPool>();
  /** Names of pools that are being opened. */
  readonly #names = new Set<string>();

  constructor(host: PoolHost) {
    this.#host = host;
  }

  get pools(): readonly SandboxPool[] {
    return [...this.#pools.values()];
  }

  /** See `SovereignRuntime.openPool`. */
  async open(options: PoolOptions): Promise<SandboxPool> {
    const bounds = poolBounds(options);
    const name = options.name ?? randomName('pool-', randomBytes);
    if (this.#pools.has(name) || this.#names.has(name)) throw exists(name);
    this.#names.add(name);
    try {
      const pool = await this.#open(name, options, bounds);
      this.#pools.set(name, pool);
      return pool;
    } finally {
      this.#names.delete(name);
    }
  }

  /** Drains every pool. @throws SovereignError the first thing that could not be removed */
  async close(): Promise<void> {
    const drained = await Promise.allSettled(this.pools.map((pool) => pool.drain()));
    for (const one of drained) if (one.status === 'rejected') throw one.reason;
  }

  async #open(name: string, options: PoolOptions, bounds: PoolBounds): Promise<SandboxPool> {
    const host = this.#host;
    const specOf = entrySpecs(host, name, options);
    const spec = specOf();
    const selection = await this.#select(options, spec);
    const { backend } = selection;
    const lateBinding = requireLateBinding(backend);
    requireMeasurable(backend, spec);
    await fetchImage(host.ways.actions, backend, spec.image, options);
    const maker = new EntryMaker({ backend, nextSpec: specOf, ways: host.ways });
    const warm = new WarmPool({ name, source: maker, ...bounds });
    const { size, budgetBytes } = bounds;
    const action = { kind: 'pool.open', pool: name, size, memoryBytes: budgetBytes } as const;
    return host.ways.actions.perform({ action, runtime: runtimeOf(backend) }, async () => {
      await sweepWarm(backend, host.ways.actions);
      const signal = options.signal ?? new AbortController().signal;
      const first = await maker.make(signal);
      if (first.memoryBytes > budgetBytes) {
        await Promise.all([maker.dispose(first), maker.close()]);
        throw tooSmall(budgetBytes, first);
      }
      warm.add(first);
      const onDrained = () => void this.#pools.delete(name);
      return new SandboxPool({ name, options, host, selection, lateBinding, warm, maker, onDrained });
    });
  }

  #select(options: PoolOptions, spec: SandboxSpec): Promise<Selection> {
    const { backends, probes, tierOrder } = this.#host.ways;
    return selectBackend({
      requested: options.tier ?? 'auto',
      backends,
      probes,
      needsImages: spec.image.kind !== 'host',
      needsHostFiles: needsHostFiles(spec),
      ...(tierOrder && { tierOrder }),
    });
  }
}

/** Makes the spec of one entry after the other: what the pool was opened with, marked as nobody's. */
function entrySpecs(host: PoolHost, pool: string, options: PoolOptions): () => SandboxSpec {
  const asked = claimedOptions(options, {});
  const keeper = processIdentity(process.pid);
  const mark: PoolMark = { pool, ...(keeper && { keeper }) };
  return () => ({ ...host.buildSpec(asked), pool: mark });
}

function requireLateBinding(backend: Backend): LateBinding {
  if (backend.lateBinding !== undefined) return backend.lateBinding;
  throw new SovereignError({
    reason: 'capability.missing',
    message: `Backend ${backend.name} cannot give a running sandbox to somebody (lateBinding): it has no pools.`,
    hint: 'Take a tier that has it, or create sandboxes without a pool.',
    context: { backend: backend.name, capability: 'lateBinding' },
  });
}

/** A budget needs to know what one takes. */
function requireMeasurable(backend: Backend, { limits }: SandboxSpec): void {
  if (backend.capabilities.canStats || limits.memoryBytes !== undefined) return;
  throw invalid(
    'limits.memoryBytes',
    undefined,
    `a limit: backend ${backend.name} cannot measure what one takes`,
  );
}

function tooSmall(budgetBytes: number, first: WarmEntry): SovereignError {
  return invalid('memoryBytes', budgetBytes, `room for one sandbox, which takes ${first.memoryBytes} bytes`);
}

function exists(name: string): SovereignError {
  return new SovereignError({
    reason: 'pool.exists',
    message: `Pool ${JSON.stringify(name)}: it is open.`,
    hint: 'Use it, drain it, or choose another name.',
    context: { pool: name },
  });
}
