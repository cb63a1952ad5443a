import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestStats, LimitSpec } from '@sovereign/core';
import { cpusOf, keyedValue, known, limitValue } from './cgroup-values.ts';
import {
  cgroupParent,
  defaultPidsLimit,
  groupMadeMs,
  makeGroup,
  readProcesses,
  readValue,
  removeGroup,
  writeLimit,
  type Cgroups,
  type Controller,
} from './cgroups.ts';

const cpuPeriodUs = 100_000;

/**
 * Version 2: one hierarchy (kernel, admin-guide/cgroup-v2). `root` is the group below which we may make ours:
 * the root of the hierarchy, or what the user's slice delegates.
 */
export function createCgroupsV2(root: string, controllers: readonly Controller[]): Cgroups {
  const parent = join(root, cgroupParent);
  const directory = (id: string): string => join(parent, id);
  const setLimits = (id: string, limits: LimitSpec): void => {
    const group = directory(id);
    if (limits.memoryBytes !== undefined) {
      writeLimit(group, 'memory.max', String(limits.memoryBytes), 'memoryBytes');
    }
    if (limits.pids !== undefined) writeLimit(group, 'pids.max', String(limits.pids), 'pids');
    if (limits.cpus !== undefined) {
      writeLimit(group, 'cpu.max', `${Math.round(limits.cpus * cpuPeriodUs)} ${cpuPeriodUs}`, 'cpus');
    }
  };
  /** A controller works in a group when every group above hands it down. */
  const handDown = (): void => {
    for (const group of [root, parent]) {
      for (const controller of controllers) {
        if (controller === 'freezer') continue;
        try {
          writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`);
        } catch {
          // The limit that needs it is refused with its name when it is set.
        }
      }
    }
  };
  return {
    version: 2,
    controllers,
    create(id, limits) {
      makeGroup(parent);
      handDown();
      makeGroup(directory(id));
      // A limit that nobody asked for is set where it can be: in a container the controller may not be handed down.
      const hasPids = existsSync(join(directory(id), 'pids.max'));
      setLimits(id, hasPids ? { ...limits, pids: limits.pids ?? defaultPidsLimit } : limits);
      return [directory(id)];
    },
    setLimits,
    processes: (id) => readProcesses(directory(id)),
    setFrozen(id, isFrozen) {
      writeLimit(directory(id), 'cgroup.freeze', isFrozen ? '1' : '0', 'pids');
    },
    isFrozen: (id) => readValue(directory(id), 'cgroup.freeze') === '1',
    stats(id): GuestStats {
      const group = directory(id);
      const cpu = readValue(group, 'cpu.stat');
      const [quota, period] = (readValue(group, 'cpu.max') ?? '').split(' ');
      const io = readValue(group, 'io.stat');
      return {
        memoryBytes: limitValue(readValue(group, 'memory.current')) ?? 0,
        pids: limitValue(readValue(group, 'pids.current')) ?? 0,
        cpuUs: keyedValue(cpu, 'usage_usec') ?? 0,
        ...known({
          memoryPeakBytes: limitValue(readValue(group, 'memory.peak')),
          memoryLimitBytes: limitValue(readValue(group, 'memory.max')),
          pidsLimit: limitValue(readValue(group, 'pids.max')),
          cpuLimit: cpusOf(limitValue(quota), limitValue(period)),
          cpuThrottledUs: keyedValue(cpu, 'throttled_usec'),
          ioReadBytes: io === undefined ? undefined : sumOf(io, 'rbytes'),
          ioWriteBytes: io === undefined ? undefined : sumOf(io, 'wbytes'),
        }),
      };
    },
    neededBytes: (id) => keyedValue(readValue(directory(id), 'memory.stat'), 'anon') ?? 0,
    remove: (id) => removeGroup(directory(id)),
    madeMs: (id) => groupMadeMs(directory(id)),
    list() {
      try {
        return readdirSync(parent, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => entry.name);
      } catch {
        return [];
      }
    },
  };
}

/** Lines of `8:0 rbytes=4096 wbytes=0 …`, one for each disk. */
function sumOf(text: string, key: 'rbytes' | 'wbytes'): number {
  return [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
}
