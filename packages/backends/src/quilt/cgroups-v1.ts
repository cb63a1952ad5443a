import { readdirSync } from 'node:fs';
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

/** Version 1: one hierarchy for each controller. `mounts` are their mount points (kernel, admin-guide/cgroup-v1). */
export function createCgroupsV1(mounts: Readonly<Partial<Record<Controller, string>>>): Cgroups {
  const controllers = Object.keys(mounts) as Controller[];
  const directory = (controller: Controller, id: string): string | undefined => {
    const mount = mounts[controller];
    return mount === undefined ? undefined : join(mount, cgroupParent, id);
  };
  const directories = (id: string): string[] =>
    // Two controllers may share one mount point (cpu,cpuacct); a group is made and joined once.
    [...new Set(controllers.map((controller) => directory(controller, id) ?? ''))];

  const set = (
    controller: Controller,
    id: string,
    file: string,
    value: string,
    name: keyof LimitSpec,
  ): void => {
    writeLimit(directory(controller, id) ?? `/no ${controller} controller`, file, value, name);
  };
  const setLimits = (id: string, limits: LimitSpec): void => {
    if (limits.memoryBytes !== undefined) {
      set('memory', id, 'memory.limit_in_bytes', String(limits.memoryBytes), 'memoryBytes');
    }
    if (limits.pids !== undefined) set('pids', id, 'pids.max', String(limits.pids), 'pids');
    if (limits.cpus !== undefined) {
      set('cpu', id, 'cpu.cfs_period_us', String(cpuPeriodUs), 'cpus');
      set('cpu', id, 'cpu.cfs_quota_us', String(Math.round(limits.cpus * cpuPeriodUs)), 'cpus');
    }
  };
  const value = (controller: Controller, id: string, file: string): string | undefined => {
    const group = directory(controller, id);
    return group === undefined ? undefined : readValue(group, file);
  };

  return {
    version: 1,
    controllers,
    create(id, limits) {
      for (const group of directories(id)) makeGroup(group);
      const pids = mounts.pids === undefined ? undefined : (limits.pids ?? defaultPidsLimit);
      setLimits(id, pids === undefined ? limits : { ...limits, pids });
      return directories(id);
    },
    setLimits,
    processes: (id) => [...new Set(directories(id).flatMap(readProcesses))],
    setFrozen(id, isFrozen) {
      const group = directory('freezer', id) ?? '/no freezer controller';
      writeLimit(group, 'freezer.state', isFrozen ? 'FROZEN' : 'THAWED', 'pids');
    },
    isFrozen: (id) => ['FROZEN', 'FREEZING'].includes(value('freezer', id, 'freezer.state') ?? ''),
    stats(id): GuestStats {
      const throttledNs = keyedValue(value('cpu', id, 'cpu.stat'), 'throttled_time');
      const io = value('io', id, 'blkio.throttle.io_service_bytes');
      return {
        memoryBytes: limitValue(value('memory', id, 'memory.usage_in_bytes')) ?? 0,
        pids: limitValue(value('pids', id, 'pids.current')) ?? 0,
        // cpuacct counts nanoseconds.
        cpuUs: Math.round((limitValue(value('cpuacct', id, 'cpuacct.usage')) ?? 0) / 1000),
        ...known({
          memoryPeakBytes: limitValue(value('memory', id, 'memory.max_usage_in_bytes')),
          memoryLimitBytes: limitValue(value('memory', id, 'memory.limit_in_bytes')),
          pidsLimit: limitValue(value('pids', id, 'pids.max')),
          cpuLimit: cpusOf(
            limitValue(value('cpu', id, 'cpu.cfs_quota_us')),
            limitValue(value('cpu', id, 'cpu.cfs_period_us')),
          ),
          cpuThrottledUs: throttledNs === undefined ? undefined : Math.round(throttledNs / 1000),
          ioReadBytes: io === undefined ? undefined : serviceBytes(io, 'Read'),
          ioWriteBytes: io === undefined ? undefined : serviceBytes(io, 'Write'),
        }),
      };
    },
    neededBytes: (id) => keyedValue(value('memory', id, 'memory.stat'), 'total_rss') ?? 0,
    remove: (id) => directories(id).map(removeGroup).every(Boolean),
    madeMs: (id) => Math.max(...directories(id).map(groupMadeMs)),
    list() {
      const groups = directories('').flatMap((parent) => listDirectories(parent));
      return [...new Set(groups)];
    },
  };
}

function listDirectories(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Lines of `8:0 Read 4096`, one for each disk. */
function serviceBytes(text: string, operation: 'Read' | 'Write'): number {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, name]) => name === operation)
    .reduce((sum, [, , bytes]) => sum + (limitValue(bytes) ?? 0), 0);
}
