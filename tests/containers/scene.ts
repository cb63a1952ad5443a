import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FileLedger,
  readLedger,
  SovereignRuntime,
  type Backend,
  type Clock,
  type LedgerRecord,
  type SandboxId,
} from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import {
  createFakeBackend,
  FakeEngine,
  testRootfs,
  type FakeBackend,
  type FakeBackendOptions,
  type FakeGuest,
  type OciImage,
} from '@sovereign/testkit';

/** What survives the runtime: guests and engine of the fake, and a directory. */
export interface House {
  readonly root: string;
  readonly guests: Map<SandboxId, FakeGuest>;
  readonly engine: FakeEngine;
  readonly registry: Map<string, OciImage>;
}

/** One open runtime over a fake container engine. */
export interface Scene extends House {
  readonly runtime: SovereignRuntime;
  readonly backend: FakeBackend;
  /** Name of an image that is there. */
  readonly image: string;
  records(): Promise<readonly LedgerRecord[]>;
}

export interface SceneOptions {
  readonly clock?: Clock;
  readonly backend?: FakeBackendOptions;
  /** Besides the fake engine. */
  readonly others?: readonly Backend[];
}

export async function playHouse(act: (house: House) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'svk-'));
  const guests = new Map<SandboxId, FakeGuest>();
  const registry = new Map<string, OciImage>();
  try {
    await act({ root, guests, registry, engine: new FakeEngine(guests, { registry }) });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A runtime on a house: a second one is the same product in another process, or after a restart. */
export async function playIn(
  house: House,
  act: (scene: Scene) => Promise<void>,
  options: SceneOptions = {},
): Promise<void> {
  const { root, guests, engine } = house;
  const backend = createFakeBackend({ guests, engine, ...options.backend });
  const directory = join(root, 'ledger');
  const runtime = new SovereignRuntime({
    backends: [...(options.others ?? []), backend],
    ledger: new FileLedger({ directory }),
    actor: { via: 'test', user: 'tester' },
    openChannel: (stream) => connectGuestChannel(stream),
    activityDirectory: join(root, 'activity'),
    ...(options.clock && { clock: options.clock }),
  });
  const image = 'app:1';
  const rootfs = testRootfs({ hasBusybox: false });
  await engine.images.import(once(rootfs), { reference: image });
  const records = async (): Promise<readonly LedgerRecord[]> => {
    const found: LedgerRecord[] = [];
    for await (const record of readLedger(directory)) found.push(record);
    return found;
  };
  try {
    await act({ ...house, runtime, backend, image, records });
  } finally {
    await runtime.close();
  }
}

export function play(act: (scene: Scene) => Promise<void>, options: SceneOptions = {}): Promise<void> {
  return playHouse((house) => playIn(house, act, options));
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield bytes;
}

/** Kinds of the actions that were begun, in order. */
export function begun(records: readonly LedgerRecord[]): readonly string[] {
  return records
    .filter(({ kind }) => kind === 'intent')
    .map(({ members }) => String((members['action'] as { readonly kind?: unknown }).kind));
}

/** Who began actions of a kind. */
export function actorsOf(records: readonly LedgerRecord[], kind: string): readonly string[] {
  return records
    .filter((record) => begun([record])[0] === kind)
    .map(({ members }) => String((members['actor'] as { readonly via?: unknown }).via));
}
