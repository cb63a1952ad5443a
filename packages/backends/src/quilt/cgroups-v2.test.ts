import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCgroupsV2 } from './cgroups-v2.ts';
import { checkRoom } from './cgroups.ts';

const id = 'sbx_000000000001';
let root = '';
let directory = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cg-'));
  directory = join(root, 'sovereign', id);
  mkdirSync(directory, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const cgroups = () => createCgroupsV2(root, ['memory', 'pids', 'cpu', 'io']);
/** Files of a group, with the contents that the kernel's admin-guide/cgroup-v2 gives them. */
const group = (files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
};
const cpuStat =
  'usage_usec 9000\nuser_usec 6000\nsystem_usec 3000\nnice_usec 0\ncore_sched.force_idle_usec 0\n';
const throttling = 'nr_periods 30\nnr_throttled 4\nthrottled_usec 2500\nnr_bursts 0\nburst_usec 0\n';

test('every reading, with all controllers', () => {
  group({
    'memory.current': '52428800\n',
    'memory.peak': '73400320\n',
    'memory.max': '104857600\n',
    'memory.stat': 'anon 41943040\nfile 10485760\nkernel 1024\nanon_thp 0\ninactive_anon 7\n',
    'pids.current': '12\n',
    'pids.max': '2048\n',
    'cpu.max': '150000 100000\n',
    'cpu.stat': cpuStat + throttling,
    'io.stat':
      '8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n' +
      '8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n',
  });
  expect(cgroups().stats(id)).toEqual({
    memoryBytes: 52_428_800,
    memoryPeakBytes: 73_400_320,
    memoryLimitBytes: 104_857_600,
    pids: 12,
    pidsLimit: 2_048,
    cpuUs: 9_000,
    cpuLimit: 1.5,
    cpuThrottledUs: 2_500,
    ioReadBytes: 1_459_200 + 90_430_464,
    ioWriteBytes: 314_773_504 + 299_008_000,
  });
  expect(cgroups().neededBytes(id)).toBe(41_943_040);
});

test('where nothing is limited there are no ceilings', () => {
  group({ 'memory.max': 'max\n', 'pids.max': 'max\n', 'cpu.max': 'max 100000\n', 'cpu.stat': cpuStat });
  expect(cgroups().stats(id)).toEqual({ memoryBytes: 0, pids: 0, cpuUs: 9_000 });
});

test('throttling is told by the cpu controller only, peaks by kernels from 5.19 on, and each is left out alone', () => {
  group({ 'cpu.stat': cpuStat, 'memory.current': '1\n', 'memory.max': '2\n' });
  expect(cgroups().stats(id)).toEqual({ memoryBytes: 1, memoryLimitBytes: 2, pids: 0, cpuUs: 9_000 });
  group({ 'cpu.stat': cpuStat + throttling.replace('2500', '0'), 'memory.peak': '3\n' });
  expect(cgroups().stats(id)).toMatchObject({ cpuThrottledUs: 0, memoryPeakBytes: 3 });
});

test('disks: none yet is zero, one without figures or with more of them is taken as it is', () => {
  const io = (text: string): readonly (number | undefined)[] => {
    group({ 'io.stat': text });
    const { ioReadBytes, ioWriteBytes } = cgroups().stats(id);
    return [ioReadBytes, ioWriteBytes];
  };
  expect(io('')).toEqual([0, 0]);
  expect(io('7:0\n8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=0 dios=0\n')).toEqual([5, 6]);
  // A kernel that forgets the line end behind a disk without figures.
  expect(io('7:0 8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=9 dios=9\n')).toEqual([5, 6]);
  expect(io('8:0 rbytes=5 wbytes=6 dbytes=9 cost.usage=77 cost.wait=8 use_delay=1 depth=2\n')).toEqual([
    5, 6,
  ]);
  expect(io('8:0 wbytes=6\n')).toEqual([0, 6]);
  rmSync(join(directory, 'io.stat'));
  expect(cgroups().stats(id)).not.toHaveProperty('ioReadBytes');
});

test('rubbish is no reading: what is optional is left out, what is not is zero', () => {
  for (const text of ['', '\n', 'rubbish\n', '-1\n', '1 2\n', 'usage_usec\nanon x\n', 'rbytes=x wbytes=\n']) {
    for (const name of [
      'memory.current',
      'memory.peak',
      'memory.max',
      'pids.current',
      'pids.max',
      'cpu.stat',
    ])
      group({ [name]: text });
    group({ 'memory.stat': text, 'io.stat': text, 'cpu.max': text === '1 2\n' ? '0 0\n' : text });
    expect(cgroups().stats(id), text).toEqual({
      memoryBytes: 0,
      pids: 0,
      cpuUs: 0,
      ioReadBytes: 0,
      ioWriteBytes: 0,
    });
    expect(cgroups().neededBytes(id)).toBe(0);
  }
});

test('what is missing, or a directory where a file belongs, is no reading either', () => {
  expect(cgroups().stats(id)).toEqual({ memoryBytes: 0, pids: 0, cpuUs: 0 });
  expect(cgroups().neededBytes(id)).toBe(0);
  for (const name of ['memory.current', 'memory.peak', 'cpu.stat', 'io.stat', 'memory.stat'])
    mkdirSync(join(directory, name));
  expect(cgroups().stats(id)).toEqual({ memoryBytes: 0, pids: 0, cpuUs: 0 });
});

test('a limit below what is used is refused before the kernel is asked', () => {
  group({ 'pids.current': '7\n', 'memory.stat': 'anon 77\nfile 1000\n' });
  for (const limits of [{ pids: 6 }, { memoryBytes: 76 }])
    expect(() => {
      checkRoom(cgroups(), id, limits);
    }).toThrow(expect.objectContaining({ reason: 'limit.in-use' }));
  checkRoom(cgroups(), id, { pids: 7, memoryBytes: 77 });
});
