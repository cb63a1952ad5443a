import { SovereignError, type BackendName, type Tier } from '@sovereign/protocol';
import type { Backend, Shortfall } from '../contract/backend.ts';
import type { ContainerEngine, EngineAbility } from '../contract/container-engine.ts';
import type { Sweeper } from '../contract/leftovers.ts';
import type { LedgerRuntime } from '../ledger/ledger.ts';
import type { ProbeCache } from '../selection/probe-cache.ts';
import { selectBackend, type RequestedTier } from '../selection/select-backend.ts';

/** A container engine and the backend that it belongs to, as the ledger names it. */
export interface ChosenEngine {
  readonly engine: ContainerEngine;
  readonly backend: Backend;
  readonly runtime: LedgerRuntime;
}

export interface EngineChoiceInit {
  readonly backends: readonly Backend[];
  readonly probes: ProbeCache;
  /** Tiers that `auto` may take, first one preferred. Default: strongest first. */
  readonly tierOrder?: readonly Tier[];
}

/**
 * Which engine a call is meant for: that of the sandbox it names; else the one asked for by name; else the first
 * available one in the order of selection, the same that a sandbox with an image would be made on.
 */
export class EngineChoice {
  readonly #init: EngineChoiceInit;

  constructor(init: EngineChoiceInit) {
    this.#init = init;
  }

  /** @throws SovereignError `tier.unavailable`, `tier.none-available`, `argument.invalid` */
  async pick(requested: RequestedTier = 'auto'): Promise<ChosenEngine> {
    const { backend } = await selectBackend({ ...this.#init, requested, needsEngine: true });
    return engineOf(backend);
  }

  /** Every engine that there is, available or not. */
  all(): readonly ChosenEngine[] {
    return this.#init.backends.filter(({ engine }) => engine !== undefined).map(engineOf);
  }

  /** Every engine that can run here. */
  async available(): Promise<readonly ChosenEngine[]> {
    const all = this.all();
    const probes = await Promise.all(all.map(({ backend }) => this.#init.probes.probe(backend)));
    return all.filter((_, at) => probes[at]?.ok === true);
  }

  /** Everybody who may have left something: engines that can run here, and backends that need not run for it. */
  async sweepers(): Promise<readonly { readonly backend: Backend; readonly sweeper: Sweeper }[]> {
    const engines = await this.available();
    return [
      ...engines.map(({ backend, engine }) => ({ backend, sweeper: engine })),
      ...this.#init.backends.flatMap((backend) =>
        backend.sweeper === undefined ? [] : [{ backend, sweeper: backend.sweeper }],
      ),
    ];
  }

  /** The backend of a record. */
  backend(name: BackendName): Backend | undefined {
    return this.#init.backends.find((one) => one.name === name);
  }
}

/** @throws SovereignError `capability.missing` for a backend that is no container engine */
export function engineOf(backend: Backend): ChosenEngine {
  const { engine } = backend;
  if (engine === undefined) throw lacking(backend, 'engine', { why: 'it is no container engine' });
  return { engine, backend, runtime: runtimeOf(backend) };
}

/** @throws SovereignError `capability.missing` */
export function requireAbility({ engine, backend }: ChosenEngine, ability: EngineAbility): void {
  if (engine.lacks?.includes(ability) !== true) return;
  const shortfall = engine.shortfalls?.[ability];
  throw shortfall === undefined
    ? lacking(backend, ability, { why: `it has no ${ability}` })
    : lacking(backend, ability, { ...shortfall, why: `it has no ${ability} here (${shortfall.why})` });
}

/** A backend as records of the ledger name it, when no layer was verified. */
export function runtimeOf(backend: Backend): LedgerRuntime {
  return { type: backend.name, tier: backend.tier, isIsolated: backend.capabilities.isIsolated };
}

function lacking(
  backend: Backend,
  capability: string,
  { why, hint = 'Take a container engine that can.' }: Pick<Shortfall, 'why'> & Partial<Shortfall>,
): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Backend ${backend.name} cannot do this: ${why}.`,
    hint,
    context: { backend: backend.name, capability },
  });
}
