import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freeMemory } from './host-memory.ts';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'svh-'));
  write('proc/meminfo', 'MemTotal: 4000 kB\nMemAvailable:    3000 kB\n');
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test('what the host has, where no group has less', () => {
  expect(freeMemory(root)).toBe(3000 * 1024);
  write('proc/self/cgroup', '0::/a\n');
  write('sys/fs/cgroup/a/memory.max', 'max\n');
  write('sys/fs/cgroup/a/memory.current', '5\n');
  expect(freeMemory(root)).toBe(3000 * 1024);
});

test('version 2: the limit of a group above counts, and file pages are free', () => {
  write('proc/self/cgroup', '0::/a/b\n');
  write('sys/fs/cgroup/a/memory.max', '1000\n');
  write('sys/fs/cgroup/a/memory.current', '900\n');
  write('sys/fs/cgroup/a/memory.stat', 'anon 500\ninactive_file 30\nactive_file 20\n');
  expect(freeMemory(root)).toBe(150);
});

test('version 1: the memory controller among others, with what is below it', () => {
  write('proc/self/cgroup', '4:cpu:/x\n3:memory,hugetlb:/a\n0::/\n');
  write('sys/fs/cgroup/memory/a/memory.limit_in_bytes', '1000\n');
  write('sys/fs/cgroup/memory/a/memory.usage_in_bytes', '900\n');
  write(
    'sys/fs/cgroup/memory/a/memory.stat',
    'inactive_file 1\ntotal_inactive_file 7\ntotal_active_file 3\n',
  );
  expect(freeMemory(root)).toBe(110);
});

test('a host that says nothing refuses nothing', () => {
  rmSync(join(root, 'proc'), { recursive: true });
  expect(freeMemory(root)).toBe(Infinity);
});
