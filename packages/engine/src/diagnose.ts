import { tierRank, type BackendName, type Layer, type Tier } from '@sovereign/protocol';
import { toSovereignError, type Probe } from '@sovereign/core';
import type { Engine } from './engine.ts';

/** What doctor found of one tier. */
export interface TierDiagnosis {
  readonly tier: Tier;
  readonly rank: number;
  /** Null for a tier that this build has no backend for. */
  readonly backend: BackendName | null;
  readonly isAvailable: boolean;
  /** What it stands on, or why it cannot run. */
  readonly detail: string;
  /** What to do; of one that is available for what it does without, if anything. */
  readonly hint: string;
  /** Layers as verified from inside a guest that was brought up for this, empty when none came up. */
  readonly layers: readonly Layer[];
  /** From the call to the first answer of that guest. */
  readonly createMs: number | null;
}

/** Tiers that this build cannot offer, and what people use meanwhile. */
const missingTiers: readonly { readonly tier: Tier; readonly detail: string; readonly hint: string }[] = [
  {
    tier: 'appcontainer',
    detail: 'AppContainer is for Windows; this build has no backend for it yet.',
    hint: '',
  },
];

/** Tries every tier for real: brings a guest up, asks it for its layers, removes it. Strongest first. */
export async function diagnose(engine: Engine): Promise<readonly TierDiagnosis[]> {
  const found: TierDiagnosis[] = missingTiers.map((missing) => ({
    ...missing,
    rank: tierRank[missing.tier],
    backend: null,
    isAvailable: false,
    layers: [],
    createMs: null,
  }));
  for (const backend of engine.backends) {
    const base = { tier: backend.tier, rank: tierRank[backend.tier], backend: backend.name } as const;
    const probe: Probe = await backend.probe();
    if (!probe.ok) {
      found.push({
        ...base,
        isAvailable: false,
        detail: probe.reason,
        hint: probe.hint,
        layers: [],
        createMs: null,
      });
      continue;
    }
    // The sandbox that is tried has the host's image; the probe of a backend that shows none has booted a guest itself.
    found.push(
      backend.capabilities.isSealed === true
        ? { ...base, isAvailable: true, ...said(probe), layers: [], createMs: null }
        : { ...base, ...(await tryTier(engine, backend.name, said(probe))) },
    );
  }
  return found.toSorted((a, b) => a.rank - b.rank);
}

type Said = Pick<TierDiagnosis, 'detail' | 'hint'>;

function said({ detail, hint = '' }: Extract<Probe, { readonly ok: true }>): Said {
  return { detail, hint };
}

async function tryTier(
  engine: Engine,
  backend: BackendName,
  available: Said,
): Promise<Pick<TierDiagnosis, 'isAvailable' | 'detail' | 'hint' | 'layers' | 'createMs'>> {
  const before = performance.now();
  try {
    const sandbox = await engine.runtime.create({ tier: backend });
    const createMs = performance.now() - before;
    const { layers } = sandbox.report;
    await sandbox.remove();
    return { isAvailable: true, ...available, layers, createMs };
  } catch (error) {
    const failure = toSovereignError(error);
    return { isAvailable: false, detail: failure.message, hint: failure.hint, layers: [], createMs: null };
  }
}
