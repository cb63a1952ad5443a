import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { LimitSpec } from '@sovereign/core';
import { createCgroupsV1 } from './cgroups-v1.ts';
import { createCgroupsV2 } from './cgroups-v2.ts';
import { noControlGroups, type Cgroups, type Controller } from './cgroups.ts';

const wanted: readonly Controller[] = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer', 'io'];

/**
 * Finds out which control groups this process may use: controllers of version 1 where they are mounted, else the
 * version 2 group that is writable, else none.
 *
 * @param mountinfo  text of /proc/self/mountinfo
 * @param membership text of /proc/self/cgroup
 */
export function detectCgroups(
  mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
  membership: string = readFileSync('/proc/self/cgroup', 'utf8'),
): Cgroups {
  const v1: Partial<Record<Controller, string>> = {};
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const [type, , superOptions] = after?.split(' ') ?? [];
    if (mountPoint === undefined) continue;
    if (type === 'cgroup2') unified = mountPoint;
    if (type !== 'cgroup' || !isWritable(mountPoint)) continue;
    const options = superOptions?.split(',') ?? [];
    for (const controller of wanted)
      if (options.includes(controller === 'io' ? 'blkio' : controller)) v1[controller] = mountPoint;
  }
  if (Object.keys(v1).length > 0) return createCgroupsV1(v1);
  return unified === undefined ? noCgroups() : detectV2(unified, membership);
}

function detectV2(mountPoint: string, membership: string): Cgroups {
  const own = /^0::(.*)$/m.exec(membership)?.[1] ?? '/';
  // Root may use the top; a user only what is delegated to it, which is above the leaf that holds its processes.
  for (const root of [mountPoint, join(mountPoint, own, '..'), join(mountPoint, own)]) {
    if (!isWritable(root) || !isWritable(join(root, 'cgroup.procs'))) continue;
    const available = readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(' ');
    return createCgroupsV2(root, [...wanted.filter((name) => available.includes(name)), 'freezer']);
  }
  return noCgroups();
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A host that gives us no control groups: guests run without limits, and asking for one is refused. */
function noCgroups(): Cgroups {
  const refuse = (limits: LimitSpec): void => {
    const asked = Object.keys(limits);
    if (asked.length === 0) return;
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `This host gives us no control groups, so ${asked.join(', ')} cannot be enforced.`,
      hint: noControlGroups.hint,
    });
  };
  return {
    version: 'none',
    controllers: [],
    create(_id, limits) {
      refuse(limits);
      return [];
    },
    setLimits(_id, limits) {
      refuse(limits);
    },
    processes: () => [],
    setFrozen() {
      refuse({ pids: 0 });
    },
    isFrozen: () => false,
    stats: () => ({ memoryBytes: 0, pids: 0, cpuUs: 0 }),
    neededBytes: () => 0,
    remove: () => true,
    madeMs: () => Date.now(),
    list: () => [],
  };
}
