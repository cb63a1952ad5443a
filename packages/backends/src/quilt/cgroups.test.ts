import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCgroupsV1 } from './cgroups-v1.ts';
import { createCgroupsV2 } from './cgroups-v2.ts';
import { checkRoom, makeGroup, readProcesses, removeGroup, writeLimit } from './cgroups.ts';

const id = 'sbx_000000000001';
let root = '';
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cg-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const read = (...names: readonly string[]): string => readFileSync(join(root, ...names), 'utf8');
const put = (text: string, ...names: readonly string[]): void => {
  mkdirSync(join(root, ...names, '..'), { recursive: true });
  writeFileSync(join(root, ...names), text);
};

describe('version 1', () => {
  test('a group in each hierarchy, once where two controllers share one; the limit of processes always', () => {
    const cgroups = createCgroupsV1({
      memory: join(root, 'memory'),
      pids: join(root, 'pids'),
      cpu: join(root, 'cc'),
      cpuacct: join(root, 'cc'),
    });
    const directories = cgroups.create(id, { memoryBytes: 1_000_000, cpus: 0.5 });
    expect(directories).toEqual(['memory', 'pids', 'cc'].map((name) => join(root, name, 'sovereign', id)));
    expect(read('memory/sovereign', id, 'memory.limit_in_bytes')).toBe('1000000');
    expect(read('pids/sovereign', id, 'pids.max')).toBe('2048');
    expect(read('cc/sovereign', id, 'cpu.cfs_period_us')).toBe('100000');
    expect(read('cc/sovereign', id, 'cpu.cfs_quota_us')).toBe('50000');
    expect(cgroups.list()).toEqual([id]);
  });

  test('a limit without its controller is refused by name, one with it is not', () => {
    const cgroups = createCgroupsV1({ pids: join(root, 'pids') });
    expect(() => cgroups.create(id, { memoryBytes: 1 })).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported', context: { limit: 'memoryBytes', value: '1' } }),
    );
    expect(() => cgroups.create(id, { pids: 7 })).not.toThrow();
    expect(read('pids/sovereign', id, 'pids.max')).toBe('7');
    expect(() => cgroups.setFrozen(id, true)).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
  });

  test('frozen is what is frozen or on its way; processes are those of any group, each once', () => {
    const cgroups = createCgroupsV1({ freezer: join(root, 'f'), pids: join(root, 'p') });
    cgroups.create(id, {});
    expect(cgroups.isFrozen(id)).toBe(false);
    cgroups.setFrozen(id, true);
    expect(read('f/sovereign', id, 'freezer.state')).toBe('FROZEN');
    for (const [state, isFrozen] of [
      ['FROZEN\n', true],
      ['FREEZING\n', true],
      ['THAWED\n', false],
      ['', false],
    ] as const) {
      put(state, 'f/sovereign', id, 'freezer.state');
      expect(cgroups.isFrozen(id)).toBe(isFrozen);
    }
    put('12\n34\n', 'f/sovereign', id, 'cgroup.procs');
    put('34\n56\n', 'p/sovereign', id, 'cgroup.procs');
    expect(cgroups.processes(id)).toEqual([12, 34, 56]);
    expect(cgroups.processes('sbx_none')).toEqual([]);
  });

  test('accounting: bytes, processes, nanoseconds as microseconds; nothing where nothing is there', () => {
    const cgroups = createCgroupsV1({ memory: root, pids: root, cpuacct: root });
    expect(cgroups.stats(id)).toEqual({ memoryBytes: 0, pids: 0, cpuUs: 0 });
    put('4096\n', 'sovereign', id, 'memory.usage_in_bytes');
    put('3\n', 'sovereign', id, 'pids.current');
    put('1234567\n', 'sovereign', id, 'cpuacct.usage');
    expect(cgroups.stats(id)).toEqual({ memoryBytes: 4096, pids: 3, cpuUs: 1235 });
  });

  test('accounting: peaks, ceilings, throttling and disks where the kernel has them', () => {
    const cgroups = createCgroupsV1({ memory: root, pids: root, cpu: root, io: root });
    put('9223372036854771712\n', 'sovereign', id, 'memory.limit_in_bytes');
    put('8192\n', 'sovereign', id, 'memory.max_usage_in_bytes');
    put('max\n', 'sovereign', id, 'pids.max');
    put('-1\n', 'sovereign', id, 'cpu.cfs_quota_us');
    put('100000\n', 'sovereign', id, 'cpu.cfs_period_us');
    expect(cgroups.stats(id)).toEqual({ memoryBytes: 0, pids: 0, cpuUs: 0, memoryPeakBytes: 8192 });
    put('4096\n', 'sovereign', id, 'memory.limit_in_bytes');
    put('7\n', 'sovereign', id, 'pids.max');
    put('150000\n', 'sovereign', id, 'cpu.cfs_quota_us');
    put('nr_periods 3\nnr_throttled 1\nthrottled_time 2500000\n', 'sovereign', id, 'cpu.stat');
    put(
      '8:0 Read 10\n8:0 Write 20\n8:16 Read 1\n8:16 Total 99\nTotal 31\n',
      'sovereign',
      id,
      'blkio.throttle.io_service_bytes',
    );
    put('cache 5\ntotal_cache 50\ntotal_rss 77\n', 'sovereign', id, 'memory.stat');
    expect(cgroups.stats(id)).toMatchObject({
      memoryLimitBytes: 4096,
      pidsLimit: 7,
      cpuLimit: 1.5,
      cpuThrottledUs: 2500,
      ioReadBytes: 11,
      ioWriteBytes: 20,
    });
    expect(cgroups.neededBytes(id)).toBe(77);
    put('7\n', 'sovereign', id, 'pids.current');
    for (const limits of [{ pids: 6 }, { memoryBytes: 76 }])
      expect(() => {
        checkRoom(cgroups, id, limits);
      }).toThrow(expect.objectContaining({ reason: 'limit.in-use' }));
    checkRoom(cgroups, id, { pids: 7, memoryBytes: 77, cpus: 0.1 });
  });

  test('remove is false while anything is left in one, true when all are gone, also twice', () => {
    const cgroups = createCgroupsV1({ memory: join(root, 'm'), freezer: join(root, 'f') });
    cgroups.create(id, {});
    put('1\n', 'f/sovereign', id, 'cgroup.procs');
    expect(cgroups.remove(id)).toBe(false);
    expect(existsSync(join(root, 'm/sovereign', id))).toBe(false);
    rmSync(join(root, 'f/sovereign', id, 'cgroup.procs'));
    expect(cgroups.remove(id)).toBe(true);
    expect(cgroups.remove(id)).toBe(true);
    expect(cgroups.list()).toEqual([]);
  });
});

describe('version 2', () => {
  /** As the kernel does: what is handed down shows as files in the groups below. */
  const kernel = (controllers: readonly string[]): void => {
    const group = join(root, 'sovereign', id);
    mkdirSync(group, { recursive: true });
    if (controllers.includes('pids')) writeFileSync(join(group, 'pids.max'), 'max');
  };

  test('controllers are handed down, limits set, the limit of processes always', () => {
    kernel(['pids']);
    const cgroups = createCgroupsV2(root, ['memory', 'pids', 'cpu', 'freezer']);
    expect(cgroups.create(id, { memoryBytes: 5_000_000, cpus: 1.5 })).toEqual([join(root, 'sovereign', id)]);
    expect(read('cgroup.subtree_control')).toBe('+cpu');
    expect(read('sovereign/cgroup.subtree_control')).toBe('+cpu');
    expect(read('sovereign', id, 'memory.max')).toBe('5000000');
    expect(read('sovereign', id, 'cpu.max')).toBe('150000 100000');
    expect(read('sovereign', id, 'pids.max')).toBe('2048');
    cgroups.setLimits(id, { pids: 9 });
    expect(read('sovereign', id, 'pids.max')).toBe('9');
  });

  test('where the controller is not handed down the default is left out, and what was asked for is refused', () => {
    const cgroups = createCgroupsV2(root, ['pids']);
    expect(() => cgroups.create(id, {})).not.toThrow();
    expect(existsSync(join(root, 'sovereign', id, 'pids.max'))).toBe(false);
  });

  test('frozen, accounting, processes, removal', () => {
    kernel([]);
    const cgroups = createCgroupsV2(root, ['freezer']);
    expect(cgroups.isFrozen(id)).toBe(false);
    cgroups.setFrozen(id, true);
    expect(cgroups.isFrozen(id)).toBe(true);
    cgroups.setFrozen(id, false);
    expect(read('sovereign', id, 'cgroup.freeze')).toBe('0');
    put('usage_usec 77\nuser_usec 70\n', 'sovereign', id, 'cpu.stat');
    put('42\n', 'sovereign', id, 'memory.current');
    expect(cgroups.stats(id)).toEqual({ memoryBytes: 42, pids: 0, cpuUs: 77 });
    put('8\n', 'sovereign', id, 'cgroup.procs');
    expect(cgroups.processes(id)).toEqual([8]);
    expect(cgroups.remove(id)).toBe(false);
    rmSync(join(root, 'sovereign', id), { recursive: true });
    expect(cgroups.remove(id)).toBe(true);
    expect(cgroups.list()).toEqual([]);
  });
});

describe('files of groups', () => {
  test('what cannot be made, written or removed says so by type, or is known to be gone', () => {
    put('', 'file');
    expect(() => makeGroup(join(root, 'file', 'group'))).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
    expect(() => writeLimit(join(root, 'absent'), 'pids.max', '1', 'pids')).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
    expect(removeGroup(join(root, 'absent'))).toBe(true);
    expect(removeGroup(join(root, 'file', 'group'))).toBe(true);
    expect(readProcesses(join(root, 'absent'))).toEqual([]);
  });
});
