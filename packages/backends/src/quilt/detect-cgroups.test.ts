import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detectCgroups } from './detect-cgroups.ts';

let root = '';
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'dc-'))));
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A group of version 2 as the kernel shows it. */
function group(path: string, controllers: string): void {
  mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, path, 'cgroup.procs'), '');
  writeFileSync(join(root, path, 'cgroup.controllers'), `${controllers}\n`);
}

const v1 = (name: string, options: string): string =>
  `33 31 0:29 / ${join(root, name)} rw,nosuid - cgroup cgroup rw,${options}`;
const v2 = (path: string): string => `41 31 0:38 / ${path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate`;
const other = [
  '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
  '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
  '',
  'rubbish',
  '1 2 3 - -',
];

describe('detectCgroups', () => {
  test('hybrid: controllers of version 1 where they are mounted, version 2 beside them is not used', () => {
    for (const name of ['memory', 'cpu,cpuacct', 'pids', 'freezer', 'systemd']) mkdirSync(join(root, name));
    group('unified', '');
    const text = [
      ...other,
      v1('memory', 'memory'),
      v1('cpu,cpuacct', 'cpu,cpuacct'),
      v1('pids', 'pids'),
      v1('freezer', 'freezer'),
      v1('systemd', 'name=systemd'),
      v2(join(root, 'unified')),
    ].join('\n');
    const found = detectCgroups(text, '12:pids:/\n0::/\n');
    expect(found.version).toBe(1);
    expect([...found.controllers].sort()).toEqual(['cpu', 'cpuacct', 'freezer', 'memory', 'pids']);
  });

  test('named hierarchies alone are no controllers', () => {
    mkdirSync(join(root, 'systemd'));
    expect(detectCgroups([v1('systemd', 'name=systemd')].join('\n'), '').version).toBe('none');
  });

  test('version 1 that is mounted but not there for us counts for nothing', () => {
    expect(detectCgroups([v1('absent', 'memory')].join('\n'), '').version).toBe('none');
  });

  test('version 2, root: the top of the hierarchy', () => {
    group('.', 'cpuset cpu io memory hugetlb pids rdma');
    const found = detectCgroups([...other, v2(root)].join('\n'), '0::/init.scope\n');
    expect([found.version, [...found.controllers].sort()]).toEqual([
      2,
      ['cpu', 'freezer', 'io', 'memory', 'pids'],
    ]);
    found.create('sbx_000000000001', {});
    expect(found.list()).toEqual(['sbx_000000000001']);
  });

  test('version 2, a user: what the slice delegates, above the leaf that holds our processes', () => {
    const slice = 'user.slice/user-1000.slice/user@1000.service/app.slice';
    mkdirSync(join(root, slice), { recursive: true });
    group(slice, 'memory pids');
    group(`${slice}/terminal.scope`, 'memory pids');
    const found = detectCgroups(v2(root), `0::/${slice}/terminal.scope\n`);
    // Without cgroup.procs the top is not one that we may use.
    expect(found.version).toBe(2);
    expect(found.create('sbx_000000000001', {})).toEqual([
      join(root, slice, 'sovereign', 'sbx_000000000001'),
    ]);
  });

  test('a host that delegates nothing: guests run, limits are refused by name, nothing is listed', (context) => {
    if (process.getuid?.() === 0) {
      // Root may write everywhere; without its files a group is no group all the same.
      mkdirSync(join(root, 'x'));
    } else {
      chmodSync(root, 0o555);
      context.onTestFinished(() => chmodSync(root, 0o755));
    }
    const found = detectCgroups(v2(root), '0::/x\n');
    expect([found.version, found.controllers]).toEqual(['none', []]);
    expect(found.create('sbx_000000000001', {})).toEqual([]);
    expect(() => found.create('sbx_000000000001', { pids: 1 })).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
    expect(() => found.setLimits('sbx_000000000001', { memoryBytes: 1 })).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
    expect(() => found.setFrozen('sbx_000000000001', true)).toThrow(
      expect.objectContaining({ reason: 'limit.unsupported' }),
    );
    expect([found.isFrozen(''), found.remove(''), found.list(), found.processes('')]).toEqual([
      false,
      true,
      [],
      [],
    ]);
  });

  test('nothing mounted, and texts that are rubbish', () => {
    for (const text of ['', '\n\n', other.join('\n'), '- - - -', ' - cgroup', ' - cgroup2'])
      expect(detectCgroups(text, '').version).toBe('none');
  });
});
