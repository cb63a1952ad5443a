import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { jailUser } from './jail-user.ts';
import { jailerArguments, jailRoot, monitorArguments, monitorId } from './launch-arguments.ts';

const sandbox = 'sbx_0123456789ab' as ReturnType<typeof sandboxSpecForTest>['id'];
const jail = { jailerPath: '/usr/bin/jailer', basePath: '/state/jails', uid: 1_700_000_000 } as const;
const shape = { memoryMib: 512, cpus: 2 };

verifies(
  'R-TIER-4',
  'Firecracker is started with its seccomp filters on, and by a name that it takes',
  () => {
    expect(monitorArguments('/usr/bin/firecracker', sandbox)).toEqual([
    '/usr/bin/firecracker', '--id', 'sbx-0123456789ab', '--api-sock', 'api',
  ]); // prettier-ignore
    expect(monitorId(sandbox)).toMatch(/^[a-zA-Z0-9-]{1,64}$/);
  },
);

verifies('R-TIER-4', 'the jailer gets a user, a root and ceilings, and no network namespace to join', () => {
  const v2 = jailerArguments('/usr/bin/firecracker', sandbox, { ...jail, cgroupVersion: 2 }, shape);
  expect(v2.join(' ')).toBe(
    '/usr/bin/jailer --id sbx-0123456789ab --exec-file /usr/bin/firecracker --uid 1700000000 --gid 1700000000 ' +
      '--chroot-base-dir /state/jails --cgroup-version 2 --parent-cgroup sovereign-firecracker ' +
      '--cgroup memory.max=671088640 --cgroup cpu.max=300000 100000 --cgroup pids.max=18 -- --api-sock api',
  );
  const v1 = jailerArguments('/usr/bin/firecracker', sandbox, { ...jail, cgroupVersion: 1 }, shape).join(' ');
  expect(v1).toContain('--cgroup memory.limit_in_bytes=671088640 --cgroup cpu.cfs_quota_us=300000');
  for (const all of [v1, v2.join(' ')]) expect(all).not.toMatch(/seccomp|netns|daemonize/);
  expect(jailRoot('/state/jails', 'firecracker', sandbox)).toBe(
    '/state/jails/firecracker/sbx-0123456789ab/root',
  );
});

test('each machine has a user of its own, which is nobody on the host', () => {
  const users = Array.from({ length: 1_000 }, () => jailUser(sandboxSpecForTest().id));
  expect(new Set(users).size).toBeGreaterThan(995);
  for (const user of users) {
    expect(user).toBeGreaterThanOrEqual(1_600_000_000);
    expect(user).toBeLessThan(2_000_000_000);
  }
  expect(jailUser(sandbox)).toBe(jailUser(sandbox));
});
