import type {
  Backend,
  Capabilities,
  Capability,
  GuestRecord,
  Probe,
  SandboxId,
  SandboxSpec,
} from '@sovereign/core';
import { SovereignError, type Tier } from '@sovereign/protocol';
import type { FakeEngine } from './engine/fake-engine.ts';
import type { FakeFailures } from './fake-failures.ts';
import { FakeGuest } from './fake-guest.ts';
import { fakeLateBinding } from './fake-late-binding.ts';
import { fakeSnapshots } from './fake-snapshots.ts';

export interface FakeBackendOptions {
  /** Default: everything but a PTY, images, and isolation, which a fake cannot honestly claim. */
  readonly capabilities?: Partial<Capabilities>;
  /** Guests live here. Hand the same map to two backends to act out a restart of the daemon. Default: a map of its own. */
  readonly guests?: Map<SandboxId, FakeGuest>;
  /** Makes it a container engine. Hand over the same one together with the same guests. Default: none. */
  readonly engine?: FakeEngine;
  /** Default: `process`, or `container` with an engine. */
  readonly tier?: Tier;
  /** Largest piece in which bytes arrive on a channel. Default: as written. */
  readonly chunkBytes?: number;
  /** Milliseconds that `create` takes, so that it can be aborted on the way. Default 0. */
  readonly createMs?: number;
  /** What can be bound late; null for a backend that cannot bind at all. Default: a workspace too. */
  readonly lateBinding?: { readonly hasWorkspace: boolean } | null;
  /** Default false: no snapshots. */
  readonly hasSnapshots?: boolean;
}

/** A backend without an operating system. `failures` says what is to go wrong next. */
export interface FakeBackend extends Backend {
  readonly engine?: FakeEngine;
  readonly failures: FakeFailures;
  readonly guests: ReadonlyMap<SandboxId, FakeGuest>;
}

const defaultCapabilities: Capabilities = {
  isPersistent: true,
  canStop: true,
  canPause: true,
  canSetLimits: true,
  canStats: true,
  canDefine: true,
  hasPty: false,
  hasImages: false,
  isIsolated: false,
};

/**
 * A backend in memory: for the self-test of the contract suites, and for tests of what stands above a backend.
 * Its guests run a dozen built-in programs (`fakePrograms`) and keep files in a map. It isolates nothing and says so.
 */
export function createFakeBackend(options: FakeBackendOptions = {}): FakeBackend {
  const { engine } = options;
  const capabilities = {
    ...defaultCapabilities,
    hasImages: engine !== undefined,
    ...options.capabilities,
  };
  const guests = options.guests ?? new Map<SandboxId, FakeGuest>();
  const failures: FakeFailures = {};

  function add(spec: SandboxSpec): FakeGuest {
    if (
      guests.has(spec.id) ||
      [...guests.values()].some((guest) => spec.name !== undefined && guest.spec.name === spec.name)
    ) {
      throw new SovereignError({
        reason: 'sandbox.exists',
        message: `A sandbox ${spec.name ?? spec.id} exists.`,
        hint: 'Choose another name, or remove that sandbox first.',
        context: { sandbox: spec.id },
      });
    }
    if (spec.image.kind !== 'host' && !capabilities.hasImages) throw missing('hasImages', spec);
    if (engine !== undefined && spec.image.kind !== 'host' && spec.image.kind !== 'reference')
      throw notAnImage(spec);
    const image = engine?.prepare(spec);
    const guest = new FakeGuest({
      spec,
      capabilities,
      failures,
      chunkBytes: options.chunkBytes,
      ...(image && { image }),
      onState: (state) => engine?.became(spec.id, state),
      onRemove: () => forget(spec.id),
    });
    guests.set(spec.id, guest);
    engine?.began(guest);
    return guest;
  }

  function forget(id: SandboxId): void {
    guests.delete(id);
    engine?.ended(id);
  }

  engine?.adopt(add);

  async function define(spec: SandboxSpec, signal?: AbortSignal): Promise<FakeGuest> {
    await Promise.resolve();
    if (!capabilities.canDefine) throw missing('canDefine', spec);
    cancelledIfAborted(signal, spec.id);
    return add(spec);
  }

  async function create(spec: SandboxSpec, signal?: AbortSignal): Promise<FakeGuest> {
    cancelledIfAborted(signal, spec.id);
    if (failures.create === 'before-guest') throw createFailed(spec, 'before the guest');
    const guest = add(spec);
    try {
      await delay(options.createMs ?? 0);
      cancelledIfAborted(signal, spec.id);
      if (failures.create === 'after-guest') throw createFailed(spec, 'after the guest');
      await guest.start();
      return guest;
    } catch (error) {
      forget(spec.id);
      throw error;
    }
  }

  const { lateBinding = { hasWorkspace: true }, hasSnapshots = false } = options;
  return {
    name: 'fake',
    tier: options.tier ?? (engine === undefined ? 'process' : 'container'),
    ...(engine && { engine }),
    capabilities,
    ...(lateBinding && { lateBinding: fakeLateBinding({ guests, failures, ...lateBinding }) }),
    ...(hasSnapshots && { snapshots: fakeSnapshots({ guests, failures, resume: create }) }),
    failures,
    guests,
    create,
    define,
    probe: (): Promise<Probe> =>
      Promise.resolve(
        failures.probe === undefined ? { ok: true, detail: 'in memory' } : { ok: false, ...failures.probe },
      ),
    list: (): Promise<readonly GuestRecord[]> =>
      Promise.resolve(
        [...guests.values()].map((guest) => ({
          id: guest.id,
          backend: 'fake',
          spec: guest.spec,
          state: guest.state,
          ...(guest.state === 'broken' ? { problem: 'The guest crashed. Remove it.' } : {}),
        })),
      ),
    attach: (id) => {
      const guest = guests.get(id);
      return guest === undefined ? Promise.reject(notFound(id)) : Promise.resolve(guest);
    },
    close: async () => {
      if (!capabilities.isPersistent) for (const guest of [...guests.values()]) await guest.remove();
    },
  };
}

function delay(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

function cancelledIfAborted(signal: AbortSignal | undefined, id: SandboxId): void {
  if (signal?.aborted !== true) return;
  throw new SovereignError({
    reason: 'operation.cancelled',
    message: `create of ${id} was cancelled.`,
    hint: 'Call again without aborting.',
    context: { sandbox: id },
  });
}

function createFailed(spec: SandboxSpec, step: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.create-failed',
    message: `create of ${spec.id} failed ${step}: a failure was injected.`,
    hint: 'Clear failures.create and call again.',
    context: { sandbox: spec.id, step },
  });
}

function missing(capability: Capability, spec: SandboxSpec): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `The fake backend was made without ${capability}: ${spec.id} with image ${spec.image.kind}.`,
    hint: 'Use the image `host`, and start what you make.',
    context: { sandbox: spec.id, capability },
  });
}

function notAnImage(spec: SandboxSpec): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `The fake engine has images by reference only: ${spec.image.kind}.`,
    hint: 'Import it first.',
    context: { sandbox: spec.id },
  });
}

function notFound(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-found',
    message: `No sandbox has the id ${id}.`,
    hint: 'List the sandboxes to see which there are.',
    context: { sandbox: id },
  });
}
