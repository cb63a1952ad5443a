import { SovereignError, type Tier } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import type { Backend, Guest } from '../contract/backend.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import type { ProbeCache } from '../selection/probe-cache.ts';
import {
  needsHostFiles,
  selectBackend,
  type RequestedTier,
  type Selection,
} from '../selection/select-backend.ts';
import type { ActionPath } from './action-path.ts';
import { connectVerified, type OpenChannel, type VerifiedChannel } from './connect-verified.ts';
import { requireCapability } from './sandbox-lifecycle.ts';
import { throwIfCancelled, toSovereignError } from './to-sovereign-error.ts';

export interface BringUpInit {
  readonly spec: SandboxSpec;
  readonly requested: RequestedTier;
  readonly signal: AbortSignal | undefined;
  readonly backends: readonly Backend[];
  readonly probes: ProbeCache;
  readonly actions: ActionPath;
  readonly openChannel: OpenChannel;
  readonly healthTimeoutMs: number;
  readonly tierOrder?: readonly Tier[];
  /** Called with the backend that was taken, before anything is made on it: fetches the image. */
  readonly prepare?: (backend: Backend) => Promise<void>;
}

export interface BroughtUp extends Selection, Pick<VerifiedChannel, 'channel' | 'report'> {
  readonly guest: Guest;
}

/** A guest that was made and not started, and why on that backend. */
export interface Defined extends Selection {
  readonly guest: Guest;
}

/** Select → intent → define → outcome. */
export async function defineOnly(init: BringUpInit): Promise<Defined> {
  const { spec, signal } = init;
  const selection = await select(init);
  throwIfCancelled(signal);
  const { backend } = selection;
  requireCapability(
    { backend: backend.name, capabilities: backend.capabilities },
    'canDefine',
    'make without starting',
  );
  const runtime = { type: backend.name, tier: backend.tier, isIsolated: backend.capabilities.isIsolated };
  const action = createAction(spec, init.requested, false);
  const guest = await init.actions.perform({ action, runtime }, () => backend.define(spec, signal));
  return { ...selection, guest };
}

/** Select → intent → create → connect and check → outcome. What was made is removed again when a later step fails. */
export async function bringUp(init: BringUpInit): Promise<BroughtUp> {
  const { spec, signal, probes } = init;
  const selection = await select(init);
  throwIfCancelled(signal);
  const { backend } = selection;
  const runtime = { type: backend.name, tier: backend.tier, isIsolated: backend.capabilities.isIsolated };
  const options = { action: createAction(spec, init.requested, true), runtime, facts: reportFacts };
  return init.actions.perform(options, async () => {
    let guest: Guest;
    try {
      guest = await backend.create(spec, signal);
    } catch (error) {
      probes.forget(backend);
      throw error;
    }
    try {
      const { openChannel, healthTimeoutMs } = init;
      const connected = await connectVerified({
        guest,
        backend,
        openChannel,
        timeoutMs: healthTimeoutMs,
        ...(signal && { signal }),
      });
      return { ...selection, ...connected, guest };
    } catch (error) {
      probes.forget(backend);
      throw await disposed(guest, error);
    }
  });
}

async function select(init: BringUpInit): Promise<Selection> {
  const selection = await selectBackend({
    requested: init.requested,
    backends: init.backends,
    probes: init.probes,
    isInsecure: init.spec.isInsecure,
    needsImages: init.spec.image.kind !== 'host',
    needsHostFiles: needsHostFiles(init.spec),
    ...(init.tierOrder && { tierOrder: init.tierOrder }),
  });
  const { name, capabilities } = selection.backend;
  // SAFETY: a workspace that is to be reviewed is never handed to a backend that would write to it at once.
  if (init.spec.workspace?.isReviewed === true)
    requireCapability({ backend: name, capabilities }, 'canReview', 'have a workspace reviewed');
  await init.prepare?.(selection.backend);
  return selection;
}

/** Removes a guest that must not be handed out, and says so when that fails too. */
async function disposed(guest: Guest, error: unknown): Promise<unknown> {
  try {
    await guest.remove();
    return error;
  } catch (failure) {
    const [why, left] = [toSovereignError(error), toSovereignError(failure)];
    return new SovereignError({
      reason: 'sandbox.remove-failed',
      message: `${why.message} What had been made of sandbox ${guest.id} could not be removed: ${left.message}`,
      hint: `${left.hint} Then remove it by its id.`,
      context: { sandbox: guest.id, because: why.reason },
      cause: failure,
    });
  }
}

function createAction(spec: SandboxSpec, requested: RequestedTier, isStarted: boolean): Action {
  return {
    kind: 'sandbox.create',
    sandbox: spec.id,
    name: spec.name ?? null,
    tier: requested,
    image: spec.image,
    workspace: spec.workspace?.hostPath ?? null,
    network: spec.network,
    isInsecure: spec.isInsecure,
    limits: spec.limits,
    envNames: Object.keys(spec.env),
    isStarted,
    strategy: spec.strategy ?? 'service',
  };
}

function reportFacts({ report }: BroughtUp): Readonly<Record<string, string | boolean>> {
  const active = report.layers.filter((layer) => layer.state === 'active').map((layer) => layer.name);
  return { isIsolated: report.isIsolated, layersActive: active.join(' ') };
}
