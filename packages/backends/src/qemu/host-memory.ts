import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Bytes that this process and what it starts may still take: what the host has (MemAvailable of proc(5)), or less where a
 * control group of ours, of either version, has a limit. File pages count as free: the kernel gives them back.
 *
 * @param root where `/proc` and `/sys` are. Default `/`.
 */
export function freeMemory(root = '/'): number {
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(read(join(root, 'proc', 'meminfo')))?.[1];
  const host = kib === undefined ? Infinity : Number(kib) * 1024;
  return Math.min(host, ...groupsOf(root).map(roomIn));
}

interface Group {
  readonly path: string;
  readonly version: 1 | 2;
}

/** The control groups of memory that this process is in, from its own up to the root. */
function groupsOf(root: string): readonly Group[] {
  const lines = read(join(root, 'proc', 'self', 'cgroup')).split('\n');
  return lines.flatMap((line): Group[] => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const base = join(root, 'sys', 'fs', 'cgroup');
    if (controllers === '') return upwards(base, path, 2);
    return controllers.split(',').includes('memory') ? upwards(join(base, 'memory'), path, 1) : [];
  });
}

function upwards(base: string, path: string, version: 1 | 2): Group[] {
  const names = path.split('/').filter((name) => name !== '');
  return [...names, ''].map((_name, index) => ({ path: join(base, ...names.slice(0, index)), version }));
}

/** Infinity for a group without a limit, and for one that cannot be read. */
function roomIn({ path, version }: Group): number {
  const file = (name: string): string => read(join(path, name)).trim();
  const [limit, used] =
    version === 2
      ? [file('memory.max'), file('memory.current')]
      : [file('memory.limit_in_bytes'), file('memory.usage_in_bytes')];
  if (!/^\d+$/.test(limit) || !/^\d+$/.test(used)) return Infinity;
  const pages = [...file('memory.stat').matchAll(fileBytes[version])].map(([, bytes]) => Number(bytes));
  return Number(limit) - Number(used) + pages.reduce((sum, bytes) => sum + bytes, 0);
}

const fileBytes = {
  1: /^total_(?:in)?active_file (\d+)$/gm,
  2: /^(?:in)?active_file (\d+)$/gm,
} as const;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
