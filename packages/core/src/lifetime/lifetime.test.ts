import { mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { GuestRecord, GuestState } from '../contract/backend.ts';
import type { Action } from '../contract/action.ts';
import type { LifetimeSpec, SandboxSpec } from '../contract/sandbox-spec.ts';
import { ActivityMonitor } from './activity-monitor.ts';
import { FileActivityStore, MemoryActivityStore } from './activity-store.ts';
import { expiryOf, type Expiry } from './expiry.ts';
import { isOwnerGone, ownerLabel, ownerLabels } from './owner.ts';
import { Reaper } from './reaper.ts';

const start = 1_800_000_000_000;
const clock = { nowMs: () => Date.now(), monotonicMs: () => Date.now() };

function spec(lifetime?: LifetimeSpec): SandboxSpec {
  return sandboxSpecForTest({ createdMs: start, ...(lifetime && { lifetime }) });
}

function record(of: SandboxSpec, state: GuestState = 'running'): GuestRecord {
  return { id: of.id, backend: 'fake', spec: of, state };
}

const execOn = ({ id }: SandboxSpec): Action => ({ kind: 'exec.list', sandbox: id });
const lookAt = ({ id }: SandboxSpec): Action => ({ kind: 'sandbox.stats', sandbox: id });

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('when a sandbox expires', () => {
  const last = start + 5_000;

  test.each([
    ['nothing is said of it', undefined, 'running', undefined],
    ['idle', { idleMs: 1_000 }, 'running', { dueMs: last + 1_000, limit: 'idle', act: 'stop' }],
    ['age', { maxMs: 9_000 }, 'running', { dueMs: start + 9_000, limit: 'age', act: 'stop' }],
    [
      'the earlier',
      { idleMs: 8_000, maxMs: 9_000 },
      'running',
      { dueMs: start + 9_000, limit: 'age', act: 'stop' },
    ],
    ['paused', { idleMs: 1_000 }, 'paused', { dueMs: last + 1_000, limit: 'idle', act: 'stop' }],
    ['stopped and to be kept', { idleMs: 1_000 }, 'stopped', undefined],
    ['never started', { idleMs: 1_000 }, 'created', undefined],
    [
      'stopped and to be removed',
      { idleMs: 1_000, onExpiry: 'remove' },
      'stopped',
      { dueMs: last + 1_000, limit: 'idle', act: 'remove' },
    ],
  ] as const)('%s', (_, lifetime, state, expected) => {
    expect(expiryOf(record(spec(lifetime), state), last)).toEqual(expected);
  });
});

describe('activity', () => {
  test('counts what is done with a sandbox, not what looks at it', () => {
    const watched = spec({ idleMs: 60_000 });
    const monitor = new ActivityMonitor({ clock, store: new MemoryActivityStore() });
    monitor.watch(watched);
    vi.setSystemTime(start + 10_000);
    monitor.begun(lookAt(watched));
    monitor.ended(lookAt(watched));
    expect(monitor.lastMs(watched)).toBe(start);
    monitor.begun(execOn(watched));
    vi.setSystemTime(start + 90_000);
    // It is still under way.
    expect(monitor.lastMs(watched)).toBe(start + 90_000);
    monitor.ended(execOn(watched));
    vi.setSystemTime(start + 200_000);
    expect(monitor.lastMs(watched)).toBe(start + 90_000);
  });

  test('an outcome without its intent counts for nothing under way', () => {
    const watched = spec({ idleMs: 60_000 });
    const monitor = new ActivityMonitor({ clock, store: new MemoryActivityStore() });
    monitor.watch(watched);
    monitor.ended(execOn(watched));
    monitor.begun(execOn(watched));
    monitor.ended(execOn(watched));
    vi.setSystemTime(start + 5_000);
    expect(monitor.lastMs(watched)).toBe(start);
  });

  test('is stored at most once in a quarter of the limit', () => {
    const watched = spec({ idleMs: 40_000 });
    const store = new MemoryActivityStore();
    const touch = vi.spyOn(store, 'touch');
    const monitor = new ActivityMonitor({ clock, store });
    monitor.watch(watched);
    for (let at = 0; at <= 20_000; at += 100) {
      vi.setSystemTime(start + at);
      monitor.begun(execOn(watched));
      monitor.ended(execOn(watched));
    }
    expect(touch.mock.calls.map(([, ms]) => ms - start)).toEqual([10_000, 20_000]);
    monitor.flush();
    expect(touch).toHaveBeenCalledTimes(2);
  });

  test('another process is never too early, and at most a quarter too late', () => {
    const watched = spec({ idleMs: 40_000 });
    const store = new MemoryActivityStore();
    const [one, other] = [new ActivityMonitor({ clock, store }), new ActivityMonitor({ clock, store })];
    for (const monitor of [one, other]) monitor.watch(watched);
    for (const at of [12_000, 21_900]) {
      vi.setSystemTime(start + at);
      one.begun(execOn(watched));
      one.ended(execOn(watched));
      const seen = other.lastMs(watched) - start;
      expect(seen).toBeGreaterThanOrEqual(at);
      expect(seen).toBeLessThanOrEqual(at + 10_000);
      expect(one.lastMs(watched) - start).toBe(at);
    }
    // A process that starts now knows no better than the other.
    const late = new ActivityMonitor({ clock, store });
    late.watch(watched);
    expect(late.lastMs(watched)).toBe(other.lastMs(watched));
  });
});

describe('the store of files', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'svl-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  test('keeps the time to the millisecond, in a directory of the caller alone', () => {
    const directory = join(root, 'activity');
    const store = new FileActivityStore(directory);
    const { id } = spec();
    expect(store.read(id)).toBeUndefined();
    store.touch(id, start + 123);
    expect(store.read(id)).toBeCloseTo(start + 123, 0);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    store.touch(id, start + 456);
    expect(new FileActivityStore(directory).read(id)).toBeCloseTo(start + 456, 0);
    expect(store.ids()).toEqual([id]);
    store.forget(id);
    expect(store.ids()).toEqual([]);
    store.forget(id);
  });

  test('a place that cannot be written fails nothing', () => {
    const store = new FileActivityStore('/proc/none');
    const { id } = spec();
    store.touch(id, start);
    expect(store.read(id)).toBeUndefined();
    expect(store.ids()).toEqual([]);
  });

  test('other files in it are none of ours', () => {
    const store = new FileActivityStore(root);
    rmSync(join(root, 'x'), { force: true });
    utimesSync(root, 1, 1);
    store.touch(spec().id, start);
    expect(store.ids()).toHaveLength(1);
  });
});

describe('the reaper', () => {
  function scene(specs: readonly SandboxSpec[], state: GuestState = 'running') {
    const records = new Map(specs.map((one) => [one.id, record(one, state)]));
    const expired: { readonly id: string; readonly act: Expiry['act']; readonly atMs: number }[] = [];
    const activity = new ActivityMonitor({ clock, store: new MemoryActivityStore() });
    const list = vi.fn(() => Promise.resolve([...records.values()]));
    let failures = 0;
    const reaper = new Reaper({
      clock,
      activity,
      list,
      expire: async ({ id, spec: of }, { act }) => {
        await Promise.resolve();
        if (failures-- > 0) throw new Error('not now');
        expired.push({ id, act, atMs: Date.now() - start });
        if (act === 'remove') records.delete(id);
        else records.set(id, record(of, 'stopped'));
      },
    });
    return { records, expired, activity, list, reaper, failNext: (times: number) => (failures = times) };
  }

  verifies('R-PRIM-6', 'has no timer for sandboxes without limits', () => {
    const { reaper } = scene([]);
    reaper.learn(spec());
    expect(vi.getTimerCount()).toBe(0);
  });

  verifies('R-PRIM-6', 'has one timer for any number, and stops what is idle when it is', async () => {
    const [one, two] = [spec({ idleMs: 5_000 }), spec({ maxMs: 20_000, onExpiry: 'remove' })];
    const { reaper, expired, activity, list } = scene([one, two]);
    reaper.learn(one);
    reaper.learn(two);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(3_000);
    activity.begun(execOn(one));
    activity.ended(execOn(one));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(expired).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(expired).toMatchObject([{ id: one.id, act: 'stop', atMs: 8_000 }]);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(expired.at(-1)).toMatchObject({ id: two.id, act: 'remove', atMs: 20_000 });
    expect(list).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(list).toHaveBeenCalledTimes(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  verifies('R-PRIM-6', 'waits while something is under way, however long', async () => {
    const busy = spec({ idleMs: 2_000 });
    const { reaper, expired, activity } = scene([busy]);
    reaper.learn(busy);
    activity.begun(execOn(busy));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(expired).toEqual([]);
    activity.ended(execOn(busy));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(expired).toHaveLength(1);
  });

  verifies('R-PRIM-6', 'never looks more than once a second', async () => {
    const late = spec({ maxMs: 1_000 });
    const { reaper, list, failNext } = scene([late]);
    vi.setSystemTime(start + 100_000);
    failNext(Number.MAX_SAFE_INTEGER);
    reaper.learn(late);
    await vi.advanceTimersByTimeAsync(999);
    expect(list).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(list).toHaveBeenCalledTimes(1);
    // What fails is tried again after half a minute.
    await vi.advanceTimersByTimeAsync(29_999);
    expect(list).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(list).toHaveBeenCalledTimes(2);
  });

  verifies('R-PRIM-6', 'one that was started again is looked at again', async () => {
    const again = spec({ idleMs: 5_000 });
    const { reaper, expired, records, activity } = scene([again]);
    reaper.learn(again);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(expired).toHaveLength(1);
    records.set(again.id, record(again));
    activity.begun({ kind: 'sandbox.start', sandbox: again.id });
    activity.ended({ kind: 'sandbox.start', sandbox: again.id });
    reaper.learn(again);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(expired).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(expired).toHaveLength(2);
  });

  verifies('R-PRIM-7', 'ends with its process: closed, it begins nothing more', async () => {
    const one = spec({ idleMs: 1_000 });
    const { reaper, expired } = scene([one]);
    reaper.learn(one);
    await reaper.close();
    expect(vi.getTimerCount()).toBe(0);
    reaper.learn(one);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(expired).toEqual([]);
  });
});

describe('the owner of an ephemeral sandbox', () => {
  test('is this process, and lives', () => {
    vi.useRealTimers();
    const labels = ownerLabels();
    if (process.platform === 'linux')
      expect(labels[ownerLabel]).toMatch(new RegExp(`^${process.pid}\\.\\d+\\.`));
    expect(isOwnerGone({ labels })).toBe(false);
  });

  test('another start of the same pid is another process', () => {
    const [pid, ticks, boot] = (ownerLabels()[ownerLabel] ?? '1.1.x').split('.');
    expect(isOwnerGone({ labels: { [ownerLabel]: `${pid ?? ''}.${Number(ticks) + 1}.${boot ?? ''}` } })).toBe(
      true,
    );
  });

  test.each([
    {},
    { [ownerLabel]: '' },
    { [ownerLabel]: '1' },
    { [ownerLabel]: '-1.2.3' },
    { [ownerLabel]: '1.2.3.4' },
  ])('a label %j that says nothing makes no orphan', (labels) => {
    expect(isOwnerGone({ labels })).toBe(false);
  });
});
