import { SovereignError } from '@sovereign/protocol';
import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Guest } from '../contract/backend.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import type { EntrySource, WarmEntry } from './warm-entry.ts';
import { WarmPool, type WarmPoolInit } from './warm-pool.ts';

/** An entry whose channel ends when the test says so. */
interface TestEntry extends WarmEntry {
  readonly die: () => void;
}

/** Makes entries in memory, and fails when told to. */
class TestSource implements EntrySource {
  readonly made: TestEntry[] = [];
  readonly live = new Set<WarmEntry>();
  atOnce = 0;
  mostAtOnce = 0;
  memoryBytes = 10;
  failure: Error | undefined;
  undisposable: Error | undefined;
  isClosed = false;
  /** While set, entries are made but not finished. */
  gate: Promise<void> | undefined;

  async make(signal: AbortSignal): Promise<WarmEntry> {
    this.atOnce++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      await Promise.resolve();
      if (this.gate !== undefined && !signal.aborted)
        await Promise.race([this.gate, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      if (signal.aborted) throw new Error('cancelled');
      if (this.failure !== undefined) throw this.failure;
      return this.entry();
    } finally {
      this.atOnce--;
    }
  }

  entry(): TestEntry {
    let die = (): void => undefined;
    const closed = new Promise<undefined>((resolve) => (die = () => resolve(undefined)));
    const spec = sandboxSpecForTest();
    const entry: TestEntry = {
      guest: { id: spec.id, spec } as Guest,
      channel: { closed } as unknown as GuestChannel,
      report: { type: 'fake', tier: 'process', isIsolated: false, layers: [] },
      memoryBytes: this.memoryBytes,
      die,
    };
    this.made.push(entry);
    this.live.add(entry);
    return entry;
  }

  async dispose(entry: WarmEntry): Promise<void> {
    await Promise.resolve();
    if (this.undisposable !== undefined) throw this.undisposable;
    this.live.delete(entry);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.isClosed = true;
  }
}

let source: TestSource;

/** A pool with its first entry in place, as it is opened. */
function opened(init: Partial<WarmPoolInit> = {}): WarmPool {
  const pool = new WarmPool({ name: 'p', size: 4, budgetBytes: 1_000, concurrency: 2, source, ...init });
  pool.add(source.entry());
  return pool;
}

beforeEach(() => {
  vi.useFakeTimers();
  source = new TestSource();
});
afterEach(() => vi.useRealTimers());

verifies('R-NEW-4', 'it is filled to its size, so many at the same time and no more', async () => {
  const pool = opened({ size: 9, concurrency: 3 });
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ ready: 9, filling: 0, memoryBytes: 90, claimed: 0 });
  expect(source.mostAtOnce).toBe(3);
  await pool.drain();
});

verifies(
  'R-NEW-4',
  '200 claims at the same time: never handed out twice, and the pool is full again',
  async () => {
    const pool = opened({ concurrency: 5 });
    const taken = await Promise.all(Array.from({ length: 200 }, () => pool.take()));
    expect(new Set(taken.map(({ guest }) => guest.id)).size).toBe(200);
    await pool.whenFull();
    expect(pool.status()).toMatchObject({ ready: 4, claimed: 200, waiting: 0 });
    for (const entry of taken) expect(source.live.has(entry)).toBe(true);
    await pool.drain();
    expect(source.live).toEqual(new Set(taken));
  },
);

verifies('R-NEW-4', 'the budget holds what is kept ready, and a claim is served beyond it', async () => {
  const pool = opened({ size: 10, budgetBytes: 35 });
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ ready: 3, memoryBytes: 30 });
  expect(pool.status().problem).toMatch(/keeps 3 ready: one takes 10/);
  expect(await Promise.all(Array.from({ length: 5 }, () => pool.take()))).toHaveLength(5);
  await pool.whenFull();
  expect(pool.status().ready).toBe(3);
  await pool.drain();
});

verifies('R-NEW-4', 'entries that turn out larger are not kept beyond the budget', async () => {
  const pool = opened({ size: 10, budgetBytes: 90 });
  source.memoryBytes = 45;
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ ready: 2, memoryBytes: 55 });
  await pool.drain();
  expect(source.live.size).toBe(0);
});

verifies(
  'R-NEW-4',
  'one that dies while it is ready is removed at once and replaced after a second',
  async () => {
    const pool = opened();
    await pool.whenFull();
    source.made[2]?.die();
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.status()).toMatchObject({ ready: 3, lost: 1, filling: 0 });
    expect(source.live.size).toBe(3);
    await vi.advanceTimersByTimeAsync(999);
    expect(pool.status().ready).toBe(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(pool.status()).toMatchObject({ ready: 4, lost: 1 });
    await pool.drain();
  },
);

verifies(
  'R-NEW-4',
  'a source that fails is asked less and less often; a claim asks at once and hears why',
  async () => {
    const pool = opened({ size: 1 });
    source.failure = new SovereignError({ reason: 'sandbox.create-failed', message: 'no', hint: '' });
    await pool.take();
    await vi.advanceTimersByTimeAsync(60);
    expect(pool.status()).toMatchObject({ ready: 0, filling: 0, problem: 'no' });
    await expect(pool.whenFull()).rejects.toMatchObject({ message: 'no' });
    await expect(pool.take()).rejects.toMatchObject({ reason: 'sandbox.create-failed' });
    await expect(pool.take({ isReadyOnly: true })).rejects.toMatchObject({ reason: 'pool.exhausted' });
    source.failure = undefined;
    expect((await pool.take()).guest.id).toMatch(/^sbx_/);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pool.status()).toMatchObject({ ready: 1 });
    expect(pool.status().problem).toBeUndefined();
    await pool.drain();
  },
);

verifies('R-NEW-4', 'a claim that is given up while it waits costs no entry', async () => {
  const pool = opened({ size: 1, concurrency: 1 });
  await pool.take();
  let open = (): void => undefined;
  source.gate = new Promise((resolve) => (open = resolve));
  const abort = new AbortController();
  const given = pool.take({ signal: abort.signal });
  const patient = pool.take();
  abort.abort();
  await expect(given).rejects.toMatchObject({ reason: 'operation.cancelled' });
  open();
  await patient;
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ ready: 1, claimed: 2, waiting: 0 });
  await pool.drain();
  expect(source.live.size).toBe(2);
});

verifies('R-NEW-4', 'drained in the middle of everything nothing is left, and claims are told', async () => {
  const pool = opened();
  await pool.whenFull();
  source.gate = new Promise(() => undefined);
  const claimed = await Promise.all([pool.take(), pool.take(), pool.take(), pool.take()]);
  const waiting = pool.take();
  const drained = pool.drain();
  await expect(waiting).rejects.toMatchObject({ reason: 'pool.not-found' });
  await drained;
  expect(source.live).toEqual(new Set(claimed));
  expect(source.isClosed).toBe(true);
  await expect(pool.take()).rejects.toMatchObject({ reason: 'pool.not-found' });
  await expect(pool.whenFull()).rejects.toMatchObject({ reason: 'pool.not-found' });
  expect(vi.getTimerCount()).toBe(0);
});

test('whoever waits for a full pool hears that it was drained', async () => {
  source.gate = new Promise(() => undefined);
  const pool = opened();
  const full = pool.whenFull();
  await Promise.all([expect(full).rejects.toMatchObject({ reason: 'pool.not-found' }), pool.drain()]);
});

verifies('R-NEW-4', 'what could not be removed is tried again by the next drain', async () => {
  const pool = opened({ size: 2 });
  await pool.whenFull();
  source.undisposable = new Error('busy');
  await expect(pool.drain()).rejects.toThrow('busy');
  expect(source.live.size).toBe(2);
  source.undisposable = undefined;
  await pool.drain();
  expect(source.live.size).toBe(0);
});

verifies('R-NEW-4', 'at rest there is no timer; a refill lets the claimant go first', async () => {
  const pool = opened();
  await pool.whenFull();
  expect(vi.getTimerCount()).toBe(0);
  await pool.take();
  expect(pool.status()).toMatchObject({ ready: 3, filling: 0 });
  await vi.advanceTimersByTimeAsync(60);
  expect(pool.status()).toMatchObject({ ready: 4, filling: 0 });
  expect(vi.getTimerCount()).toBe(0);
  await pool.drain();
});

test('what was taken and not used goes back; what was found dead is replaced', async () => {
  const pool = opened({ size: 2 });
  await pool.whenFull();
  pool.giveBack(await pool.take());
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ claimed: 0, lost: 0 });
  const dead = await pool.take();
  pool.reject(dead);
  await pool.whenFull();
  expect(pool.status()).toMatchObject({ ready: 2, claimed: 0, lost: 1 });
  expect(source.live.has(dead)).toBe(false);
  await pool.drain();
  expect(source.live.size).toBe(0);
});
